import { join } from 'node:path';
import { Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

/** A server with mirrors, and a directory below which repositories may be registered. */
export class GitSite {
  private counter = 0;

  protected constructor(
    readonly scratch: Scratch,
    readonly server: TestApp,
  ) {}

  static async open(environment: Record<string, string> = {}): Promise<GitSite> {
    const scratch = new Scratch();
    return new GitSite(scratch, await GitSite.serve(scratch, environment));
  }

  protected static serve(scratch: Scratch, environment: Record<string, string> = {}): Promise<TestApp> {
    return startTestApp({
      GIT_ROOT: scratch.directory('mirrors'),
      LOCAL_REPOSITORY_ROOTS: scratch.directory('roots'),
      ...environment,
    });
  }

  /** Where there is nothing yet, as the scratch directory has it. */
  place = (): string => `roots/source-${String(this.counter++)}`;

  /** A repository that can be registered, with an empty commit for each message. */
  source = (messages?: readonly string[]): string => this.scratch.repository(this.place(), messages);

  mirrorOf = ({ id }: { id: string }): string => join(this.scratch.path, 'mirrors', `${id}.git`);

  async close(): Promise<void> {
    await this.server.close();
    this.scratch.remove();
  }
}
