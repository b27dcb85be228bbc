import { GitRequestRefused } from './git.errors.js';

/** One line of what a push asks for (gitprotocol-pack, "Reference Update Request"). */
export interface PushCommand {
  old_sha: string;
  new_sha: string;
  ref: string;
}

export interface PushRequest {
  commands: PushCommand[];
  capabilities: string[];
}

const MAX_LENGTH = 64 * 1024;
const COMMAND = /^([0-9a-f]{40}) ([0-9a-f]{40}) (.+)$/s;
const SHALLOW = /^shallow [0-9a-f]{40}$/;
const NO_SHA = '0'.repeat(40);

/**
 * The commands at the head of a push, or null when more bytes are needed to tell. Throws GitRequestRefused for
 * what is no push, is too long, or is signed (certificates are not offered).
 */
export function readPushRequest(bytes: Buffer): PushRequest | null {
  const request: PushRequest = { commands: [], capabilities: [] };
  for (let at = 0; ;) {
    if (at > MAX_LENGTH) throw new GitRequestRefused('too_large', 'The push names too many references.');
    if (bytes.length < at + 4) return null;
    const header = bytes.toString('latin1', at, at + 4);
    const length = /^[0-9a-f]{4}$/i.test(header) ? Number.parseInt(header, 16) : -1;
    if (length === 0) return request;
    if (length < 5) throw malformed();
    if (bytes.length < at + length) return null;
    readLine(bytes.toString('utf8', at + 4, at + length), request);
    at += length;
  }
}

function readLine(line: string, request: PushRequest): void {
  const [text = '', capabilities] = line.replace(/\n$/, '').split('\0');
  if (SHALLOW.test(text)) return;
  const [, old_sha, new_sha, ref] = COMMAND.exec(text) ?? [];
  if (old_sha === undefined || new_sha === undefined || ref === undefined) throw malformed();
  if (capabilities !== undefined) request.capabilities = capabilities.trim().split(' ');
  request.commands.push({ old_sha, new_sha, ref });
}

/** Why these commands are refused to who may push this branch alone, or null when they are fine. */
export function refusalOf({ commands }: PushRequest, branch: string): string | null {
  const own = `refs/heads/${branch}`;
  if (commands.some(({ ref }) => ref !== own)) return `this execution may push ${branch} alone`;
  if (commands.some(({ new_sha }) => new_sha === NO_SHA)) return 'branches are not deleted by push';
  return null;
}

/** An answer that Git shows as `! [remote rejected] ... (reason)` for each reference. */
export function refuseAll({ commands, capabilities }: PushRequest, reason: string): Buffer {
  const report = Buffer.concat([
    packet('unpack ok\n'),
    ...commands.map(({ ref }) => packet(`ng ${ref} ${reason}\n`)),
    Buffer.from('0000'),
  ]);
  if (!capabilities.some((capability) => capability.startsWith('side-band'))) return report;
  return Buffer.concat([packet(Buffer.concat([Buffer.of(1), report])), Buffer.from('0000')]);
}

export function packet(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

const malformed = (): GitRequestRefused =>
  new GitRequestRefused('invalid', 'The body is not a push of the Git protocol this server speaks.');
