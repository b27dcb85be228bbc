// A counter that is drawn in place on a terminal and written now and then elsewhere.

const TERMINAL_EVERY_MS = 250;
const PLAIN_EVERY_MS = 10_000;

/**
 * @param {string} label
 * @param {number} total
 * @param {() => number} count asked again and again
 */
export function startProgress(label, total, count) {
  const terminal = process.stdout.isTTY === true;
  const began = Date.now();
  const text = () => {
    const seconds = Math.round((Date.now() - began) / 1000);
    return `${label}: ${Math.min(count(), total)} of ${total} packages, ${seconds} s`;
  };
  const draw = () => (terminal ? process.stdout.write(`\r\x1b[K${text()}`) : console.log(text()));
  const timer = setInterval(draw, terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS);
  return {
    /** @param {boolean} complete */
    end(complete) {
      clearInterval(timer);
      if (terminal) process.stdout.write('\r\x1b[K');
      if (complete) console.log(`${label}: done in ${Math.round((Date.now() - began) / 1000)} s.`);
    },
  };
}
