import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { newId } from '../ids.js';
import { makeBorrower } from './borrower.js';
import { GitProcess } from './git-process.js';
import { LeftViews } from './left-views.js';
import { putAway } from './put-away.js';

const FOLDER = '.views';

/** A git directory that reads the objects of a mirror and of other places; what is written in it leaves with it. */
export interface ObjectView {
  directory: string;
}

/** Places to read what is in several folders of objects, and to write what nobody keeps. */
@Injectable()
export class ObjectViews {
  private readonly left = new LeftViews();

  constructor(private readonly git: GitProcess) {}

  /** Opens one as long as the work takes; `more` are folders of objects beside those of the mirror. */
  async open<T>(mirror: string, more: readonly string[], work: (view: ObjectView) => Promise<T>): Promise<T> {
    const views = join(this.git.root, FOLDER);
    await this.left.sweep(views);
    const directory = join(views, newId());
    try {
      await makeBorrower(directory, mirror, more);
      return await work({ directory });
    } finally {
      await putAway(directory);
    }
  }
}
