// What several chapters expect.

/** So many words without a pause may be chance. */
export const MOST_AT_ONCE = 4;

export async function expectOneWhole(exam, fault, rule, id, execution, lines) {
  const task = await exam.ended(id);
  if (task.status !== 'completed')
    fault(rule, `the task that ran meanwhile is ${task.status}: ${task.error_message ?? ''}`);
  else if (task.current_execution_id !== execution && task.current_execution_id !== null)
    fault(rule, 'the task that ran meanwhile was begun anew');
  await expectLines(exam, fault, execution, lines);
}

/** Each once, in this order; what the worker itself has to say may stand between. */
export async function expectLines(exam, fault, execution, lines) {
  const found = (await exam.log(execution)).filter((line) => lines.includes(line));
  if (found.join('\n') !== lines.join('\n'))
    fault('logs', `the log of a command should be ${JSON.stringify(lines)}, and is ${JSON.stringify(found)}`);
}

/** How many came soon after the answer to the one before. */
export const soon = (words, milliseconds) =>
  words.filter(({ at }, index) => index > 0 && at - words[index - 1].told < milliseconds).length;

export const timesOf = ({ at, answeredAt }) => ({ at, told: answeredAt ?? Infinity });
