type Json = Record<string, unknown>;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Json;
}

export interface Operation {
  'x-permission'?: string;
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<string, Json>;
  security: Json[];
}

export interface Document extends Json {
  paths: Record<string, Record<string, Operation>>;
}

export interface FuzzedRequest {
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

const LONG = 'x'.repeat(70_000);
const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: [deep(levels - 1)] });

/** Values that have broken servers before, or are next to what a field takes. */
const NASTY: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 1.5, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), 2 ** 53 - 1, 1e308, 1e-300, 0.1],
  ...[
    '',
    ' ',
    'a',
    '\u0000',
    '\ud800',
    '\udc00x',
    '\ufeff',
    '\u202e',
    '😀'.repeat(300),
    LONG,
    '../../etc/passwd',
    '%00',
  ],
  ...["' or 1=1 --", '$1', '${7*7}', '{{7*7}}', '<script>', '\r\nX: y', '%', '_', '\\', '(a+)+$', 'null', 'undefined'],
  ...[
    'NaN',
    'Infinity',
    '1e1',
    '0x10',
    '-0',
    '9007199254740993',
    'true',
    '[object Object]',
    '__proto__',
    'constructor',
  ],
  ...['2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59-15:59', 'infinity', '-infinity', 'now'],
  ...['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'HEAD', '-x', '--upload-pack=x'],
  ...[[], {}, [[]], [null], [{}], [[[1]]], ['a', 'a'], { length: 5 }, { toString: 1 }, { then: 1 }, deep(10), deep(40)],
  ...[Array.from({ length: 1001 }, () => 'a'), JSON.parse('{"__proto__": {"a": 1}, "constructor": {"prototype": 1}}')],
];

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'then',
  'toJSON',
  'length',
  'id',
  'status',
  'x',
  '',
  '\u0000',
  'a.b',
];

/** A property of its own whatever its name, also `__proto__`. */
const OWN = { enumerable: true, writable: true, configurable: true };

/** Makes requests from an OpenAPI document: mostly right ones, with something wrong in them. The seed decides all. */
export class RequestFuzzer {
  /** Ids that answers have told, by what they are of (`tasks`), so that some requests meet something. */
  private readonly ids = new Map<string, string[]>();

  constructor(
    private readonly document: Document,
    private state: number,
  ) {}

  request(template: string, operation: Operation): FuzzedRequest {
    const parameters = operation.parameters ?? [];
    const query = parameters.filter(({ in: place }) => place === 'query').flatMap((one) => this.queryOf(one));
    if (parameters.length > 0 && this.chance(0.05)) query.push(`${encodeURIComponent(this.one(KEYS))}=1`);
    const path = template.replace(/\{(\w+)\}/g, () => encodeURIComponent(this.pathValue(nounOf(template))));
    const headers = Object.fromEntries(
      parameters
        .filter(({ in: place }) => place === 'header' && this.chance(0.5))
        .map(({ name }) => [name, this.version()]),
    );
    const schema = operation.requestBody?.content['application/json']?.schema;
    const body = schema === undefined || this.chance(0.03) ? undefined : this.bodyOf(schema);
    if (body !== undefined) headers['Content-Type'] = this.chance(0.03) ? 'text/plain' : 'application/json';
    return { path: query.length > 0 ? `${path}?${query.join('&')}` : path, headers, body };
  }

  /** Remembers the ids in an answer. */
  learn(path: string, answer: unknown): void {
    for (const [noun, thing] of thingsIn(nounOf(path), answer)) {
      const id = (thing as { id?: unknown } | null)?.id;
      const known = this.ids.get(noun) ?? [];
      if (typeof id === 'string' && !known.includes(id)) this.ids.set(noun, [...known, id].slice(-20));
    }
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  one<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)] as T;
  }

  /** Mulberry32. */
  private random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  private queryOf({ name, schema }: Parameter): string[] {
    if (this.chance(0.7)) return [];
    const value = this.chance(0.3) ? this.nasty() : this.valueOf(schema);
    const values = Array.isArray(value)
      ? value.slice(0, 5)
      : [name === 'wait_seconds' && Number(value) > 1 ? 26 : value];
    // A lone surrogate cannot be written in a query string at all.
    return values.map((item) => `${name}=${encodeURIComponent(this.textOf(item).slice(0, 2000).toWellFormed())}`);
  }

  private pathValue(noun: string): string {
    const known = this.ids.get(noun) ?? [];
    if (known.length > 0 && this.chance(0.75)) return this.one(known);
    return this.textOf(this.nasty()).slice(0, 500).toWellFormed() || 'codegen-agent';
  }

  /** A copy: what it is put into may be spoilt once more. */
  private nasty(): unknown {
    return structuredClone(this.one(NASTY));
  }

  private version(): string {
    return this.one(['"1"', '"2"', '*', 'W/"1"', '1', 'abc', '"-1"', '"99999999999"', '']);
  }

  private textOf(value: unknown): string {
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  private bodyOf(schema: Json): string {
    const value = this.valueOf(schema);
    for (let turns = this.one([0, 0, 1, 1, 2]); turns > 0; turns -= 1) this.spoil(value);
    if (this.chance(0.04)) return JSON.stringify(this.nasty());
    withoutWaiting(value);
    const text = JSON.stringify(value);
    return this.chance(0.06) ? this.damage(text) : text;
  }

  /** Damages the text, so that it is hardly JSON any more. */
  private damage(text: string): string {
    const at = Math.floor(this.random() * text.length);
    const inserted = this.one(['', '"', '{', ']', ',', '\\', '\u0000', '1e999', '-0', '//', '\\ud800', '\ufeff']);
    return text.slice(0, at) + inserted + text.slice(at + this.one([0, 1]));
  }

  /** Puts something else in the place of one value, or next to it. */
  private spoil(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const keys = Object.keys(value);
    const fields = value as Json;
    if (keys.length === 0 || this.chance(0.15)) {
      if (!Array.isArray(value)) Object.defineProperty(fields, this.one(KEYS), { value: this.nasty(), ...OWN });
      return;
    }
    const key = this.one(keys);
    if (typeof fields[key] === 'object' && this.chance(0.6)) this.spoil(fields[key]);
    else fields[key] = this.nasty();
  }

  /** Something that the schema takes. */
  private valueOf(schema: Json): unknown {
    const {
      $ref,
      anyOf,
      enum: values,
      examples,
      type,
      minimum,
      maximum,
      items,
      properties,
      required,
    } = schema as {
      $ref?: string;
      anyOf?: Json[];
      enum?: unknown[];
      examples?: unknown[];
      type?: string | string[];
      minimum?: number;
      maximum?: number;
      items?: Json;
      properties?: Record<string, Json>;
      required?: string[];
    };
    if ($ref !== undefined) return this.valueOf(this.resolve($ref));
    if (anyOf !== undefined) return this.valueOf(this.one(anyOf));
    if (values !== undefined) return this.one(values);
    if (schema['format'] === 'uuid' && this.ids.size > 0 && this.chance(0.7))
      return this.one(this.one([...this.ids.values()]));
    const kind = this.one([type].flat());
    if (kind === 'object' && properties !== undefined) {
      const chosen = Object.entries(properties).filter(([name]) => required?.includes(name) || this.chance(0.4));
      return Object.fromEntries(chosen.map(([name, part]) => [name, this.valueOf(part)]));
    }
    if (kind === 'array' && items !== undefined && examples === undefined)
      return Array.from({ length: this.one([0, 1, 1, 3]) }, () => this.valueOf(items));
    if ((kind === 'integer' || kind === 'number') && this.chance(0.5)) {
      const [low, high] = [minimum ?? 0, maximum ?? 100];
      return this.one([low, high, low, high, low, high, low - 1, high + 1]);
    }
    if (examples !== undefined) return structuredClone(examples[0]);
    return { string: 'text', integer: 1, number: 0.5, boolean: true, object: {}, array: [], null: null }[
      kind ?? 'string'
    ];
  }

  private resolve(reference: string): Json {
    return reference
      .slice(2)
      .split('/')
      .reduce<Json>((node, key) => node[key] as Json, this.document);
  }
}

/** `tasks` of `/api/v1/tasks/{id}`. */
const nounOf = (path: string): string => path.split(/[/?]/)[3] ?? '';

/** What an answer tells of, and what it is: a thing, a page of things, or what claims and registrations answer. */
function thingsIn(noun: string, answer: unknown): [string, unknown][] {
  const { items = [], executions, worker, ...own } = (answer ?? {}) as Json & { items?: unknown[] };
  const claimed = Array.isArray(executions) ? (executions as { execution: unknown; task: unknown }[]) : [];
  return [
    [noun, own],
    ['workers', worker],
    ...items.map((item): [string, unknown] => [noun, item]),
    ...claimed.flatMap(({ execution, task }): [string, unknown][] => [
      ['executions', execution],
      ['tasks', task],
    ]),
  ];
}

/** Long polls are right, but not what is asked for here. */
function withoutWaiting(value: unknown): void {
  const fields = value as Json | null;
  if (typeof fields?.['wait_seconds'] === 'number') fields['wait_seconds'] = Math.min(fields['wait_seconds'], 0);
}
