import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsEmail,
  IsIn,
  IsInt,
  IsNumber,
  IsString,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  type ValidationArguments,
} from 'class-validator';
import { isInstant } from './instant.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const document = (options: object): PropertyDecorator => ApiProperty(options as ApiPropertyOptions);

/** May be absent. An explicit null is still refused, unlike with class-validator's IsOptional. */
export const Optional = () =>
  applyDecorators(
    ValidateIf((_, value: unknown) => value !== undefined),
    document({ required: false }),
  );

/** May be null or absent; null clears the value. */
export const Nullable = () =>
  applyDecorators(
    ValidateIf((_, value: unknown) => value !== undefined && value !== null),
    document({ required: false, nullable: true }),
  );

/** Whether a text has between `min` and `max` code points. */
function hasLength(text: string, min: number, max: number): boolean {
  if (text.length > 2 * max) return false;
  let length = 0;
  for (const _ of text) length += 1;
  return length >= min && length <= max;
}

/**
 * Length in code points, as `maxLength` of the OpenAPI document counts it. What class-validator has leaves out
 * variation selectors, so that a text of nothing else would be half as long to it.
 */
const Length = (min: number, max: number) =>
  ValidateBy({
    name: 'length',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && hasLength(value, min, max),
      defaultMessage: (given?: ValidationArguments) =>
        min === 1 && given?.value === ''
          ? '$property must not be blank'
          : `$property must have ${min > 0 ? `${String(min)} to` : 'at most'} ${String(max)} characters`,
    },
  });

/** Text, trimmed before its length is measured. */
export const Text = ({ min = 0, max }: { min?: number; max: number }) =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim() : value)),
    IsString(),
    Length(min, max),
    document({ type: 'string', minLength: min, maxLength: max }),
  );

/** Text that is kept to the letter. */
export const RawText = ({ max }: { max: number }) =>
  applyDecorators(IsString(), Length(0, max), document({ type: 'string', maxLength: max }));

/** Text of a given form; `form` finishes the sentence "... must be". */
export const Pattern = (pattern: RegExp, form: string, max = 255) =>
  applyDecorators(
    IsString(),
    Length(0, max),
    Matches(pattern, { message: `$property must be ${form}` }),
    document({ type: 'string', pattern: pattern.source, maxLength: max }),
  );

/** A whole number given as a JSON number. */
export const WholeNumber = ({ min, max }: { min: number; max: number }) =>
  applyDecorators(IsInt(), Min(min), Max(max), document({ type: 'integer', minimum: min, maximum: max }));

/** At most so many digits behind the point. What class-validator has for it throws at 1e-7. */
const Places = (places: number) =>
  ValidateBy({
    name: 'places',
    validator: {
      validate: (value: unknown) => typeof value === 'number' && Number(value.toFixed(places)) === value,
      defaultMessage: () => `$property must have at most ${String(places)} digits behind the point`,
    },
  });

/** A decimal number; with `places` only so many behind the point. */
export const Decimal = ({ min, max, places }: { min: number; max: number; places?: number }) =>
  applyDecorators(
    IsNumber({ allowInfinity: false, allowNaN: false }),
    ...(places === undefined ? [] : [Places(places)]),
    Min(min),
    Max(max),
    document({ type: 'number', minimum: min, maximum: max }),
  );

/** Money: US dollars with at most six decimals, so that sums of it are exact. */
export const Dollars = ({ max }: { max: number }) =>
  applyDecorators(
    ValidateBy({
      name: 'dollars',
      validator: {
        validate: (value: unknown) =>
          typeof value === 'number' && value >= 0 && value <= max && Number(value.toFixed(6)) === value,
        defaultMessage: () => `$property must be a number from 0 to ${String(max)} with at most six decimals`,
      },
    }),
    document({ type: 'number', minimum: 0, maximum: max }),
  );

/** A whole number in a query string: decimal digits only, so that `0x10` and `1e1` are refused. */
export const QueryNumber = ({ min, max, fallback }: { min: number; max: number; fallback?: number }) =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value,
    ),
    Optional(),
    IsInt({ message: `$property must be a whole number from ${String(min)} to ${String(max)}` }),
    Min(min),
    Max(max),
    document({ type: 'integer', minimum: min, maximum: max, required: false, default: fallback }),
  );

/** A sequence number in a query string: -1 for "before the first", or decimal digits. */
export const QuerySequence = () =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^(-1|\d{1,9})$/.test(value) ? Number(value) : value,
    ),
    IsInt({ message: '$property must be a number from -1 on' }),
    Min(-1),
    document({ type: 'integer', minimum: -1, required: false, default: -1 }),
  );

export const Flag = () => applyDecorators(IsBoolean(), document({ type: 'boolean' }));

export const OneOf = (values: readonly string[]) =>
  applyDecorators(IsIn(values), document({ type: 'string', enum: [...values] }));

/** One of a list of words, repeatable in a query string: `?status=pending&status=running`. */
export const AnyOf = (values: readonly string[]) =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value)),
    IsArray(),
    ArrayMaxSize(values.length),
    IsIn(values, { each: true }),
    document({ type: 'array', items: { type: 'string', enum: [...values] } }),
  );

/** Some of a list of words, in a body: at least one. */
export const SomeOf = (values: readonly string[]) =>
  applyDecorators(
    IsArray(),
    ArrayMinSize(1),
    ArrayMaxSize(values.length),
    IsIn(values, { each: true }),
    document({
      type: 'array',
      minItems: 1,
      maxItems: values.length,
      items: { type: 'string', enum: [...values] },
    }),
  );

/** A UUID; read without regard to case. */
export const Id = () =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.toLowerCase() : value)),
    IsString(),
    Matches(UUID, { message: '$property must be a UUID' }),
    document({ type: 'string', format: 'uuid' }),
  );

/** An instant in RFC 3339 form, with its offset. */
export const Instant = () =>
  applyDecorators(
    IsString(),
    ValidateBy({
      name: 'isInstant',
      validator: {
        validate: (value: unknown) => typeof value === 'string' && isInstant(value),
        defaultMessage: () => '$property must be a time that exists, such as 2026-01-31T12:00:00Z',
      },
    }),
    document({ type: 'string', format: 'date-time' }),
  );

/** An e-mail address. */
export const Email = () =>
  applyDecorators(IsEmail(), Length(1, 254), document({ type: 'string', format: 'email', maxLength: 254 }));

const noTwice = () => ArrayUnique({ message: '$property must not name the same twice' });

/** A list of texts of a given form, each at most once in effect; with `unique` none may be there twice. */
export const Words = (options: { max: number; pattern: RegExp; form: string; min?: number; unique?: boolean }) =>
  applyDecorators(
    IsArray(),
    ArrayMinSize(options.min ?? 0),
    ArrayMaxSize(options.max),
    IsString({ each: true }),
    Matches(options.pattern, { each: true, message: `each of $property must be ${options.form}` }),
    ...(options.unique ? [noTwice()] : []),
    document({
      type: 'array',
      maxItems: options.max,
      ...(options.unique && { uniqueItems: true }),
      items: { type: 'string', pattern: options.pattern.source },
    }),
  );

/** A list of UUIDs, none twice; read without regard to case. */
export const Ids = ({ min = 0, max }: { min?: number; max: number }) =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      Array.isArray(value)
        ? value.map((item: unknown) => (typeof item === 'string' ? item.toLowerCase() : item))
        : value,
    ),
    IsArray(),
    ArrayMinSize(min),
    ArrayMaxSize(max),
    Matches(UUID, { each: true, message: 'each of $property must be a UUID' }),
    noTwice(),
    document({
      type: 'array',
      minItems: min,
      maxItems: max,
      uniqueItems: true,
      items: { type: 'string', format: 'uuid' },
    }),
  );

/** UUIDs in a query string, each on its own: `?without=...&without=...`. */
export const QueryIds = ({ max }: { max: number }) =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value)),
    Ids({ max }),
  );

const listed = new WeakMap<object, Map<string, () => new () => object>>();

/** A list of objects with fields of their own, free-form ones included. */
export const ListOf = (shape: () => new () => object, { min, max }: { min: number; max: number }): PropertyDecorator =>
  applyDecorators(
    (target: object, property: string | symbol) => {
      const shapes = listed.get(target) ?? new Map<string, () => new () => object>();
      listed.set(target, shapes.set(String(property), shape));
    },
    IsArray(),
    ArrayMinSize(min),
    ArrayMaxSize(max),
    ValidateNested({ each: true }),
    Type(shape),
    document({ minItems: min, maxItems: max }),
  );

/** The prototypes of what the lists of a DTO class hold, by the names of its fields. */
export const listFields = (prototype: object): ReadonlyMap<string, object> =>
  new Map([...(listed.get(prototype) ?? [])].map(([name, shape]) => [name, shape().prototype as object]));

const lenient = new WeakSet<object>();

/** On classes that newer callers may extend: unknown fields are dropped and counted instead of refused. */
export const IgnoresUnknownFields = (): ClassDecorator => (target) => void lenient.add(target.prototype as object);

export const ignoresUnknownFields = (prototype: object): boolean => lenient.has(prototype);

const unclean = new WeakSet<object>();

/** On classes whose texts are cleaned by the feature itself (logs): NUL and lone surrogates are let through. */
export const AcceptsUncleanText = (): ClassDecorator => (target) => void unclean.add(target.prototype as object);

export const acceptsUncleanText = (prototype: object): boolean => unclean.has(prototype);
