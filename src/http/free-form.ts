import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Allow, ArrayMaxSize, IsArray, IsObject, ValidateBy } from 'class-validator';

const document = (options: object): PropertyDecorator => ApiProperty(options as ApiPropertyOptions);

const freeForm = new WeakMap<object, Set<string>>();

const isFreeForm: PropertyDecorator = (target, property) => {
  const names = freeForm.get(target) ?? new Set<string>();
  freeForm.set(target, names.add(String(property)));
};

/**
 * A JSON object of the caller's own making. It is taken past class-transformer untouched (`input.pipe.ts`), because
 * that loses keys such as `constructor` on its way.
 */
export const FreeForm = (): PropertyDecorator =>
  applyDecorators(isFreeForm, IsObject(), document({ type: 'object', additionalProperties: true }));

const ANY_JSON = [
  { type: 'object', additionalProperties: true },
  { type: 'array', items: {} },
  { type: 'string' },
  { type: 'number' },
  { type: 'boolean' },
  { type: 'null' },
];

/** Documents a field that holds any JSON value; a schema that says nothing would be taken for an object. */
export const HoldsAnyJson = (): PropertyDecorator => document({ anyOf: ANY_JSON, type: undefined });

/** Any JSON value of the caller's own making, null included, of at most so many bytes as JSON text in UTF-8. */
export const AnyJson = ({ maxBytes }: { maxBytes: number }): PropertyDecorator =>
  applyDecorators(
    isFreeForm,
    ValidateBy({
      name: 'jsonSize',
      validator: {
        validate: (value: unknown) => Buffer.byteLength(JSON.stringify(value)) <= maxBytes,
        defaultMessage: () => `$property must have at most ${String(maxBytes)} bytes as JSON text`,
      },
    }),
    HoldsAnyJson(),
  );

/** A list whose items are checked one by one by who takes them, because each succeeds or fails alone. */
export const ItemsAlone = (shape: () => new () => object, { max }: { max: number }): PropertyDecorator =>
  applyDecorators(
    isFreeForm,
    IsArray(),
    ArrayMaxSize(max),
    ApiProperty({ type: () => shape(), isArray: true, maxItems: max }),
  );

/** An object that whoever takes it checks: there, what is wrong in it is left out instead of refused. */
export const JudgedLater = (shape: () => new () => object): PropertyDecorator =>
  applyDecorators(isFreeForm, Allow(), ApiProperty({ type: () => shape() }));

const takenAsSaid = new WeakSet<object>();

/**
 * On classes of which the same is true as a whole: as a body any object passes, and its rules say what is right. They hold
 * where it is read (`InputPipe.read`).
 */
export const TakenAsSaid = (): ClassDecorator => (target) => void takenAsSaid.add(target.prototype as object);

export const isTakenAsSaid = (prototype: object): boolean => takenAsSaid.has(prototype);

/** Names of the free-form fields of a DTO class and of those it extends. */
export function freeFormFields(prototype: object): ReadonlySet<string> {
  const names = new Set<string>();
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null)
    freeForm.get(at)?.forEach((name) => names.add(name));
  return names;
}
