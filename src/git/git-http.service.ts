import { Injectable, Logger, Optional } from '@nestjs/common';
import type { Request, Response } from 'express';
import { isId } from '../ids.js';
import { readBasic } from './basic-credentials.js';
import { GitAccess, type ExecutionGrant } from './git-access.js';
import { exchange, GitSilence } from './git-exchange.js';
import { GitProcess } from './git-process.js';
import { bodyOf, serviceOf, wireProtocolOf, type GitService } from './git-request.js';
import { GitCredentialsRefused, GitRepositoryNotFound, GitRequestRefused, PushFenced } from './git.errors.js';
import { guardPush, type GuardedPush } from './guarded-push.js';
import { MirrorsService, type Patience } from './mirrors.service.js';
import { SnapshotsService } from './snapshots.service.js';
import { packet, refusalOf, refuseAll, type PushRequest } from './push-commands.js';

const PATIENCE: Patience = { first_ms: 100_000, fresh_ms: 15_000 };
// What a client wants and has: about 50 bytes for each of its references.
const MAX_NEGOTIATION = 32 * 1024 * 1024;
// Git itself refuses a pack of more than `receive.maxInputSize`; this is beyond it.
const MAX_PUSH = 3 * 1024 ** 3;
const MAX_SNAPSHOT = 80 * 1024 * 1024;
const SHA = /^[0-9a-f]{40}$/;
const RECEIVE_PACK_RESULT = 'application/x-git-receive-pack-result';

/** Git's smart HTTP (gitprotocol-http) for workers: one repository to read, one branch to write. */
@Injectable()
export class GitHttpService {
  private readonly logger = new Logger(GitHttpService.name);

  constructor(
    private readonly git: GitProcess,
    private readonly mirrors: MirrorsService,
    private readonly access: GitAccess,
    private readonly snapshots: SnapshotsService,
    @Optional() private readonly silence: GitSilence = new GitSilence(),
  ) {}

  /** References of the repository, fetched anew for who wants to read them. */
  async advertise(request: Request, response: Response, repository_id: string): Promise<void> {
    const service = serviceOf(request);
    const grant = await this.authorize(request, repository_id);
    const reads = service === 'git-upload-pack';
    if (!reads) assertMayPush(grant);
    const directory = reads
      ? await this.mirrors.open(repository_id, PATIENCE)
      : await this.mirrors.locate(repository_id);
    // Pushes have no second version of the protocol.
    const wire_protocol = reads ? wireProtocolOf(request) : null;
    await exchange(this.git, response, {
      silence: this.silence,
      // Damage is looked for in what is said of the directory that a call works in.
      call: { directory, args: [command(service), '--stateless-rpc', '--advertise-refs', directory], wire_protocol },
      content_type: `application/x-${service}-advertisement`,
      ...(wire_protocol !== 'version=2' && {
        preamble: Buffer.concat([packet(`# service=${service}\n`), Buffer.from('0000')]),
      }),
    });
  }

  async uploadPack(request: Request, response: Response, repository_id: string): Promise<void> {
    await this.authorize(request, repository_id);
    const directory = await this.mirrors.locate(repository_id);
    await exchange(this.git, response, {
      silence: this.silence,
      call: { directory, args: ['upload-pack', '--stateless-rpc', directory], wire_protocol: wireProtocolOf(request) },
      content_type: 'application/x-git-upload-pack-result',
      body: bodyOf(request, 'git-upload-pack', MAX_NEGOTIATION),
    });
  }

  /** Takes the execution's own branch while it is current, which is asked when the push arrives and at its end. */
  async receivePack(request: Request, response: Response, repository_id: string): Promise<void> {
    const branch = assertMayPush(await this.authorize(request, repository_id));
    const directory = await this.mirrors.locate(repository_id);
    const body = bodyOf(request, 'git-receive-pack', MAX_PUSH);
    const stalled = new GitRequestRefused('invalid', 'The push stopped in the middle.');
    // Until the exchange watches over it.
    const silence = setTimeout(() => request.destroy(stalled), this.silence.ms);
    let push: GuardedPush;
    try {
      push = await guardPush(watched(body, silence), async () => {
        assertMayPush(await this.authorize(request, repository_id));
      });
      const refusal = refusalOf(push.request, branch);
      if (refusal !== null) {
        await push.discard();
        this.refuse(response, push.request, refusal);
        return;
      }
    } finally {
      clearTimeout(silence);
    }
    try {
      await exchange(this.git, response, {
        silence: this.silence,
        call: { directory, args: ['receive-pack', '--stateless-rpc', directory] },
        content_type: RECEIVE_PACK_RESULT,
        body: push.body,
        onEnd: () => this.notePush(request, directory, push.request),
      });
    } catch (error) {
      if (!(error instanceof PushFenced)) throw error;
      this.refuse(response, push.request, `${error.code}: ${error.detail}`);
    }
  }

  /** Takes what the checkout of an execution holds at this moment: a commit, and a pack of what is new in it. */
  async snapshot(request: Request, repository_id: string): Promise<void> {
    const { execution_id, ...grant } = await this.authorize(request, repository_id);
    assertMayPush(grant);
    const { commit } = request.query;
    if (typeof commit !== 'string' || !SHA.test(commit))
      throw new GitRequestRefused('invalid', 'The query must name the commit: `commit=<its id>`.');
    const body = bodyOf(request, 'git-snapshot', MAX_SNAPSHOT);
    const stalled = new GitRequestRefused('invalid', 'The snapshot stopped in the middle.');
    const silence = setTimeout(() => request.destroy(stalled), this.silence.ms);
    try {
      await this.snapshots.take({ repository_id, execution_id, commit, body: watched(body, silence) });
    } finally {
      clearTimeout(silence);
    }
    // It may have ended meanwhile; what was stored then goes by itself.
    if (!(await this.access.noteSnapshot(execution_id, commit))) throw new PushFenced();
  }

  /**
   * Tells the port what was pushed, as the references themselves say: git ends well also when it has refused one, and
   * may have taken one before its client went away. The push stands whatever becomes of that.
   */
  private async notePush(request: Request, directory: string, { commands }: PushRequest): Promise<void> {
    try {
      const execution = readBasic(request.headers.authorization)?.user;
      for (const { ref, new_sha } of commands) {
        const args = ['for-each-ref', '--format=%(objectname)', '--', ref];
        const now = (await this.git.run({ args, directory })).toString('latin1').trim();
        if (execution !== undefined && now === new_sha) await this.access.notePush(execution, now);
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'a push could not be noted');
    }
  }

  /** Once commands have been sent, git shows its user only what it finds in a report on them. */
  private refuse(response: Response, request: PushRequest, reason: string): void {
    this.logger.warn({ refs: request.commands.map(({ ref }) => ref), reason }, 'a push was refused');
    response.status(200).setHeader('Cache-Control', 'no-cache');
    response.type(RECEIVE_PACK_RESULT).send(refuseAll(request, reason));
  }

  private async authorize(request: Request, repository_id: string): Promise<ExecutionGrant & { execution_id: string }> {
    const credentials = readBasic(request.headers.authorization);
    if (credentials === null || !isId(credentials.user)) throw new GitCredentialsRefused();
    const grant = await this.access.forExecution(credentials.user, credentials.password);
    if (grant === null) throw new GitCredentialsRefused();
    if (grant.repository_id !== repository_id) throw new GitRepositoryNotFound();
    return { ...grant, execution_id: credentials.user };
  }
}

async function* watched(chunks: AsyncIterable<Buffer>, silence: NodeJS.Timeout): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    silence.refresh();
    yield chunk;
  }
}

/** The branch the execution may push. Throws PushFenced. */
function assertMayPush({ current, branch }: ExecutionGrant): string {
  if (!current || branch === null) throw new PushFenced();
  return branch;
}

const command = (service: GitService): string => service.slice('git-'.length);
