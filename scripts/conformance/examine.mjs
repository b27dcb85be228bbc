// Puts a worker through all chapters, and says in a list what it does wrong.
import { CHAPTERS } from './chapters.mjs';
import { Exam, NotSeen } from './exam.mjs';
import { LAST_CHAPTERS } from './last-chapters.mjs';
import { judge } from './rules.mjs';

/** What is looked for in everything the worker said. */
export const RULES = {
  register: 'registers once, says its protocol, and then uses its own token, never in an address',
  heartbeat: 'sends heartbeats as often as it is told',
  renew: 'renews exactly what it runs',
  logs: 'numbers its log entries without gaps, and sends none twice',
  finish: 'says once how an execution ended, and nothing after it',
};
const CHANNEL_RULE = { messages: 'sends messages with an id, of a type there is, which are not too large' };

/**
 * @typedef {{ name: string, about: string, faults: string[] }} Finding
 * @typedef {object} Options
 * @property {string[]} command that starts the worker
 * @property {string} directory for what the worker makes; nothing else is in it
 * @property {string} [cwd] where the command is started; `directory` by default
 * @property {string[]} [only] names of chapters
 * @property {number} [patienceSeconds] how long each thing is waited for
 * @property {number} [watchSeconds] how long is looked out for what would be wrong, at least
 * @property {boolean} [channel] whether the server has a channel; it has by default
 * @property {boolean} [shared] whether others are examined on the same stand: then only the way to it is cut
 * @property {Record<string, string>} [variables] of the worker, beside the documented ones
 */

/**
 * @param {import('../stand.mjs').Stand} stand that has been started
 * @param {Options} options
 * @param {(finding: Finding) => void} [tell] told of each as soon as it is known
 * @returns {Promise<{ findings: Finding[], ways: { requests: number, channel: number } }>} `ways`: words said in each
 */
export async function examine(stand, options, tell = () => undefined) {
  const { command, directory, only = Object.keys(CHAPTERS), patienceSeconds = 20, variables } = options;
  const { shared = false, channel = true, watchSeconds = 0 } = options;
  const exam = new Exam(stand, { directory, patienceSeconds, watchSeconds, shared, channel, cwd: options.cwd });
  /** @type {Map<string, Finding>} */
  const findings = new Map();
  const about = {
    ...Object.fromEntries(Object.entries(CHAPTERS).map(([name, chapter]) => [name, chapter.about])),
    ...RULES,
    ...CHANNEL_RULE,
  };
  const finding = (name) =>
    findings.get(name) ?? findings.set(name, { name, about: about[name], faults: [] }).get(name);
  const fault = (name, detail) => finding(name).faults.push(detail);
  try {
    await exam.begin(command, variables);
    for (const [name, { run, isOfChannel }] of Object.entries(CHAPTERS).filter(([name]) => only.includes(name))) {
      // A worker is examined in what it uses, and the channel is nobody's duty.
      if (isOfChannel && !(await exam.isOnChannel())) continue;
      finding(name);
      await run(exam, fault).catch((error) => {
        if (!(error instanceof NotSeen)) throw error;
        fault(name, error.message);
      });
      tell(finding(name));
      if (exam.subject.end !== null && !(name in LAST_CHAPTERS)) break;
    }
    judge(exam, fault);
    const rules = { ...RULES, ...((exam.ways.channel > 0 || findings.has('messages')) && CHANNEL_RULE) };
    for (const name of Object.keys(rules)) tell(finding(name));
    return { findings: [...findings.values()], ways: exam.ways };
  } finally {
    await exam.end();
  }
}
