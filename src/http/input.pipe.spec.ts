import { Logger } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsArray, ValidateNested } from 'class-validator';
import { InvalidInput } from '../domain-error.js';
import { IgnoresUnknownFields, ListOf, Optional, Text, WholeNumber } from './fields.js';
import { FreeForm } from './free-form.js';
import { InputPipe } from './input.pipe.js';

@IgnoresUnknownFields()
class Item {
  @Text({ min: 1, max: 10 })
  name!: string;
}

@IgnoresUnknownFields()
class Lenient {
  @Optional()
  @WholeNumber({ min: 0, max: 9 })
  count?: number;

  @Optional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Item)
  items?: Item[];

  @Optional()
  @FreeForm()
  extra?: Record<string, unknown>;
}

class Strict {
  @Text({ min: 1, max: 10 })
  name!: string;
}

class Part extends Strict {
  @Optional()
  @FreeForm()
  extra?: Record<string, unknown>;
}

class LaterPart extends Part {}

class Whole {
  @ListOf(() => LaterPart, { min: 1, max: 3 })
  parts!: LaterPart[];
}

const body = (metatype: new () => object) => ({ type: 'body', metatype }) as const;

/** Where the pipe finds faults. */
async function faults(shape: new () => object, value: unknown): Promise<string[]> {
  try {
    await new InputPipe().transform(value, body(shape));
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return ((error.extra['errors'] ?? []) as { field: string }[]).map(({ field }) => field);
  }
}

describe('the input pipe', () => {
  beforeAll(() => Logger.overrideLogger(false));

  it('drops and counts, at any depth, what a lenient class does not know', async () => {
    const pipe = new InputPipe();
    const raw = {
      count: 1,
      novel: 1,
      items: [
        { name: ' a ', color: 1 },
        { name: 'b', more: {} },
      ],
      extra: { own: 1 },
    };
    expect(await pipe.transform(raw, body(Lenient))).toEqual({
      count: 1,
      items: [{ name: 'a' }, { name: 'b' }],
      extra: { own: 1 },
    });
    expect(pipe.ignoredFields).toBe(3);
    await pipe.transform(JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}'), body(Lenient));
    expect(pipe.ignoredFields).toBe(5);
    await pipe.transform({ count: 2, extra: { a: { b: 1 } } }, body(Lenient));
    expect(pipe.ignoredFields).toBe(5);
  });

  it('leaves absent what was absent', async () => {
    expect(Object.keys((await new InputPipe().transform({ count: 0 }, body(Lenient))) as object)).toEqual(['count']);
  });

  it('names the place of a fault', async () => {
    expect(await faults(Lenient, { items: [{ name: 'a' }, { name: '' }], count: 10 })).toEqual([
      'count',
      'items[1].name',
    ]);
    expect(await faults(Strict, { name: 'a', other: 1, 7: 1 })).toEqual(['7', 'other']);
  });

  it('tells at most 100 faults, with at most 100 characters of an invented name', async () => {
    const invented = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`field-${String(at)}`, 1]));
    expect(await faults(Strict, { name: 'a', ...invented })).toHaveLength(100);
    expect(await faults(Strict, { name: 'a', ['x'.repeat(5000)]: 1 })).toEqual([`${'x'.repeat(100)}…`]);
  });

  it('gives free-form objects back as the very same', async () => {
    const extra = JSON.parse('{"__proto__": {"a": 1}, "constructor": {"b": [[2]]}, "toString": "c"}') as object;
    const made = (await new InputPipe().transform({ extra }, body(Lenient))) as Lenient;
    expect(made.extra).toBe(extra);
  });

  it('gives free-form objects of listed parts back as the very same, and checks the parts', async () => {
    const extra = JSON.parse('{"__proto__": {"a": 1}, "constructor": {"b": [[2]]}, "toString": "c"}') as object;
    const made = (await new InputPipe().transform({ parts: [{ name: 'a', extra }] }, body(Whole))) as Whole;
    expect(made.parts[0]).toBeInstanceOf(LaterPart);
    expect(made.parts[0]?.extra).toBe(extra);
    expect(await faults(Whole, { parts: [{ name: 'a' }, { name: ' ', extra: [] }] })).toEqual([
      'parts[1].name',
      'parts[1].extra',
    ]);
    expect(await faults(Whole, { parts: [{ name: 'a', novel: 1 }] })).toEqual(['parts[0].novel']);
    for (const parts of [undefined, [], {}, [[{ name: 'a' }]], [1], Array(4).fill({ name: 'a' })])
      expect(await faults(Whole, { parts })).not.toEqual([]);
    expect(await faults(Whole, JSON.parse('{"parts": [{"name": "a", "__proto__": {}}]}'))).toEqual([
      'parts[0].__proto__',
    ]);
  });
});
