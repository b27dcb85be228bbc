import { Caller } from './caller.js';
import { DeploymentCaller } from './deployment-caller.js';
import { commit, Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

/** 2026-01-01T00:00:00Z. */
export const NEW_YEAR = 1_767_225_600;

/** A server with mirrors, and for each test a repository with one commit and somebody of its own. */
export class DeploymentSite {
  private counter = 0;

  private constructor(
    readonly scratch: Scratch,
    readonly server: TestApp,
  ) {}

  static async open(): Promise<DeploymentSite> {
    const scratch = new Scratch();
    const server = await startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
    });
    return new DeploymentSite(scratch, server);
  }

  /** The next test's: where its repository lies, and who asks for its deployments. */
  async next(): Promise<{ source: string; caller: Caller; own: DeploymentCaller }> {
    const source = this.scratch.repository(`roots/source-${String(this.counter++)}`, []);
    commit(source, 'feat: first', NEW_YEAR);
    const caller = await Caller.signIn(this.server);
    return { source, caller, own: new DeploymentCaller(caller, (await caller.register(source)).id) };
  }

  async close(): Promise<void> {
    await this.server.close();
    this.scratch.remove();
  }
}
