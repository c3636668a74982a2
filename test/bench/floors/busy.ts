// The floor for work beside the server: takes a share of one CPU and does nothing with it, until it is ended. `busy.ts <share>`
// says `busy` when it begins.
const share = Number(process.argv[2]);
const TURN_MS = 20;

function turn(): void {
  const began = performance.now();
  const cpu = process.cpuUsage();
  const used = (): number => {
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / 1000;
  };
  while (used() < share * TURN_MS);
  setTimeout(turn, Math.max(0, TURN_MS - (performance.now() - began)));
}

process.stdout.write('busy\n');
turn();
