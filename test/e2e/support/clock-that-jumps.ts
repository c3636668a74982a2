// Owns a wall clock that jumps, for a program started with `--import` of this file: every line on standard input moves it by that many
// milliseconds. Monotonic time and timers go on, as they do when a person or NTP sets a machine's clock. Must not know the program.
const RealDate = Date;
let offset = 0;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], self) => Reflect.construct(target, args.length === 0 ? [target.now() + offset] : args, self) as Date,
  get: (target, key) => (key === 'now' ? (): number => target.now() + offset : (Reflect.get(target, key) as unknown)),
});

process.stdin.on('data', (chunk: Buffer) => {
  for (const line of chunk.toString().trim().split('\n')) offset += Number(line);
});
process.stdin.unref();
