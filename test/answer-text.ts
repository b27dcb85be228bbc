/** An answer's body; of a stream, which has no end, what comes first. */
export async function answerText(answer: Response): Promise<string> {
  if (!isStream(answer)) return answer.text();
  const reader = answer.body?.getReader();
  const first = await reader?.read();
  await reader?.cancel();
  return Buffer.from(first?.value ?? new Uint8Array()).toString('utf8');
}

const isStream = (answer: Response): boolean =>
  (answer.headers.get('content-type') ?? '').startsWith('text/event-stream');
