// Preloaded by a process (`node --import`): its clock goes wrong by CLOCK_SHIFT_SECONDS.
const shift = Number(process.env.CLOCK_SHIFT_SECONDS) * 1000;

globalThis.Date = new Proxy(Date, {
  construct: (real, given, target) => Reflect.construct(real, given.length > 0 ? given : [real.now() + shift], target),
  apply: (real) => new real(real.now() + shift).toString(),
  get: (real, name) => (name === 'now' ? () => real.now() + shift : Reflect.get(real, name)),
});
