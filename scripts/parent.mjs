// npm signals the shell that it starts a script with, which may end without passing that on; and npm may be killed.

const LOOK_EVERY_MS = 500;

/**
 * Calls back once when this process was started by npm and has lost it. Without npm, outliving the parent is a choice.
 * @param {() => void} react
 */
export function onParentEnd(react) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    react();
  }, LOOK_EVERY_MS);
  timer.unref();
}
