// Preloaded by a worker process: the control of a test. It does not listen when the server tells the time.
import { ServerClock } from '../dist/src/runner/server-clock.js';

ServerClock.prototype.observe = () => undefined;
