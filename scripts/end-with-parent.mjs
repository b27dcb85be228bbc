// Preloaded into programs that do not know of their parent: they end when the channel to it closes.
process.on('disconnect', () => process.exit());
// The program itself may end whenever it is done.
process.channel?.unref();
