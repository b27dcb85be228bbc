import { Caller } from './caller.js';
import { DeploymentCaller } from './deployment-caller.js';
import { GitSite } from './git-site.js';
import { commit, Scratch } from './scratch-git.js';

/** 2026-01-01T00:00:00Z. */
export const NEW_YEAR = 1_767_225_600;

/** For each test a repository with one commit, and somebody of its own. */
export class DeploymentSite extends GitSite {
  static override async open(): Promise<DeploymentSite> {
    const scratch = new Scratch();
    return new DeploymentSite(scratch, await GitSite.serve(scratch));
  }

  /** The next test's: where its repository lies, and who asks for its deployments. */
  async next(): Promise<{ source: string; caller: Caller; own: DeploymentCaller }> {
    const source = this.source([]);
    commit(source, 'feat: first', NEW_YEAR);
    const caller = await Caller.signIn(this.server);
    return { source, caller, own: new DeploymentCaller(caller, (await caller.register(source)).id) };
  }
}
