// Preloaded into programs that do not know of their parent: they end when the channel to it closes.
process.on('disconnect', () => process.exit());
// The program itself may end whenever it is done.
process.channel?.unref();
// Not for the processes that the program forks: these live by a channel of their own, which must hold them.
const own = process.execArgv.indexOf(import.meta.url);
if (own > 0) process.execArgv.splice(own - 1, 2);
