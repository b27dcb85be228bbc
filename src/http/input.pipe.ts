import { Injectable, Logger, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { InvalidInput, type FieldFault } from '../domain-error.js';
import { acceptsUncleanText, ignoresUnknownFields, listFields } from './fields.js';
import { freeFormFields, isTakenAsSaid } from './free-form.js';
import { uncleanText } from './clean-text.js';
import { rememberRules } from './remembered-rules.js';

type Shape = new () => object;
type Fields = Record<string, unknown>;

/** No list of any request is longer; millions of items are refused before the validator visits each. */
const MOST_ITEMS = 1000;
/** Faults told at once, and how much of a name that the caller has made up. */
const MOST_FAULTS = 100;
const LONGEST_NAME = 100;

/** Keys that class-transformer drops or trips over; no DTO has them, so they are refused as unknown fields. */
const TREACHEROUS = new Set(['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf']);

/**
 * Makes request DTOs: every field is checked, unknown ones are refused (worker routes drop them), and free-form
 * objects come through to the letter. Throws InvalidInput with each fault by its field.
 */
@Injectable()
export class InputPipe implements PipeTransform {
  private readonly logger = new Logger(InputPipe.name);
  /** Unknown fields of newer workers that this process has dropped. */
  ignoredFields = 0;

  constructor() {
    rememberRules();
  }

  async transform(value: unknown, { metatype, type }: ArgumentMetadata): Promise<unknown> {
    if (type === 'custom') return value;
    if (!isShape(metatype)) return refuseUnclean(value, type);
    const raw = bodyOf(value);
    return isTakenAsSaid(metatype.prototype as object) ? raw : this.check(metatype, raw, type);
  }

  /** Checks what did not come as the body of a request by the rules of one. */
  read<Wanted extends object>(shape: new () => Wanted, value: unknown): Promise<Wanted> {
    return this.check(shape, bodyOf(value), 'body') as Promise<Wanted>;
  }

  private async check(shape: Shape, raw: Fields, where: string): Promise<object> {
    if (!acceptsUncleanText(shape.prototype as object)) refuseUnclean(raw, where);
    return this.make(shape, raw);
  }

  private async make(shape: Shape, raw: Fields): Promise<object> {
    const prototype = shape.prototype as object;
    const lenient = ignoresUnknownFields(prototype);
    const instance = plainToInstance(shape, detach(raw, '', lenient, prototype)) as Fields;
    const kept = new Set<unknown>();
    attach(instance, raw, prototype, kept);
    const errors: ValidationError[] = await validate(instance, {
      whitelist: true,
      forbidNonWhitelisted: !lenient,
      stopAtFirstError: true,
    });
    if (errors.length === 0) {
      for (const [key, value] of Object.entries(instance)) refuseListsInLists(value, key, kept);
      if (lenient) this.count(droppedFields(raw, instance));
      // Class fields that nothing was sent for: absent is absent, also for who lists the keys.
      for (const key of Object.keys(instance)) if (instance[key] === undefined) Reflect.deleteProperty(instance, key);
      return instance;
    }
    const faults = errors.flatMap((error) => faultsOf(error, ''));
    throw new InvalidInput(
      `The request has ${faults.length === 1 ? 'a fault' : `${String(faults.length)} faults`}.`,
      faults.slice(0, MOST_FAULTS),
    );
  }

  private count(ignored: readonly string[]): void {
    if (ignored.length === 0) return;
    this.ignoredFields += ignored.length;
    this.logger.debug({ fields: ignored.slice(0, 10), total: this.ignoredFields }, 'unknown fields were ignored');
  }
}

const isShape = (metatype: unknown): metatype is Shape =>
  typeof metatype === 'function' && ![String, Number, Boolean, Array, Object, Promise].includes(metatype as never);

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** No body at all is an empty object; the JSON value null is not. */
function bodyOf(value: unknown): Fields {
  const raw = value === undefined ? {} : value;
  if (!isFields(raw)) throw new InvalidInput('The body must be a JSON object.');
  return raw;
}

function refuseUnclean<T>(value: T, where: string): T {
  const found = uncleanText(value);
  if (found === null) return value;
  const field = shorten(found.field);
  throw new InvalidInput(`The ${where === 'param' ? 'path' : where} holds text that cannot be stored.`, [
    { field, message: `${field || where} must not hold ${found.what}` },
  ]);
}

/** A copy without the free-form fields, whatever their depth; treacherous keys are refused, or dropped if lenient. */
function detach(raw: Fields, path: string, lenient: boolean, prototype: object | null): Fields {
  const freeForm = prototype === null ? null : freeFormFields(prototype);
  const lists = prototype === null ? null : listFields(prototype);
  const copy: Fields = {};
  for (const [key, value] of Object.entries(raw)) {
    if (TREACHEROUS.has(key)) {
      if (lenient) continue;
      throw fault(path + key, `${key} is not a known field`);
    }
    if (freeForm?.has(key)) continue;
    copy[key] = detachValue(value, `${path}${key}`, lenient, lists?.get(key) ?? null);
  }
  return copy;
}

function detachValue(value: unknown, path: string, lenient: boolean, prototype: object | null): unknown {
  if (Array.isArray(value)) {
    if (value.length > MOST_ITEMS) throw fault(path, `${shorten(path)} must hold at most ${String(MOST_ITEMS)} items`);
    return value.map((item, at) => detachValue(item, `${path}[${String(at)}]`, lenient, prototype));
  }
  return isFields(value) ? detach(value, `${path}.`, lenient, prototype) : value;
}

/** Puts the free-form fields back as they came, and remembers them in `kept`. */
function attach(made: unknown, raw: unknown, prototype: object, kept: Set<unknown>): void {
  if (!isFields(made) || !isFields(raw)) return;
  for (const key of freeFormFields(prototype)) {
    if (!Object.hasOwn(raw, key)) continue;
    made[key] = raw[key];
    kept.add(raw[key]);
  }
  for (const [key, item] of listFields(prototype)) {
    const [items, sources] = [made[key], raw[key]];
    if (Array.isArray(items) && Array.isArray(sources))
      items.forEach((one, at) => attach(one, sources[at], item, kept));
  }
}

/** Names of the fields, at any depth, that are in what came but not in what was made of it. */
function droppedFields(raw: unknown, made: unknown): string[] {
  if (Array.isArray(raw) && Array.isArray(made)) return raw.flatMap((item, at) => droppedFields(item, made[at]));
  if (!isFields(raw) || !isFields(made) || raw === made) return [];
  return Object.entries(raw).flatMap(([key, value]) =>
    Object.hasOwn(made, key) ? droppedFields(value, made[key]) : [shorten(key)],
  );
}

/** The validator looks through a list in a list, as if its items stood in the outer one. No field takes that. */
function refuseListsInLists(value: unknown, path: string, kept: ReadonlySet<unknown>): void {
  if (kept.has(value)) return;
  if (!Array.isArray(value)) {
    if (isFields(value))
      Object.entries(value).forEach(([key, item]) => refuseListsInLists(item, `${path}.${key}`, kept));
    return;
  }
  for (const [at, item] of value.entries()) {
    const place = `${path}[${String(at)}]`;
    if (Array.isArray(item)) throw fault(place, `${place} must not be a list`);
    refuseListsInLists(item, place, kept);
  }
}

const shorten = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name);

const fault = (field: string, message: string): InvalidInput =>
  new InvalidInput('The request has a fault.', [{ field: shorten(field), message }]);

function faultsOf(error: ValidationError, path: string): FieldFault[] {
  const isIndex = path !== '' && /^\d+$/.test(error.property);
  const name = shorten(error.property);
  const field = isIndex ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
  const own = Object.entries(error.constraints ?? {}).map(([constraint, message]) => ({
    field,
    message: constraint === 'whitelistValidation' ? `${name} is not a known field` : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => faultsOf(child, field))];
}
