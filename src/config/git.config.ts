import { list, onOff, text, whole } from './readers.js';
import { Variable } from './variable.js';

/** Git repositories on this host. */
export class GitConfig {
  @Variable({
    name: 'GIT_ROOT',
    about: 'Directory of the bare mirrors. Without it this process answers git routes with 503 `git/not-here`.',
    read: text,
    default: '',
  })
  readonly root!: string;

  @Variable({
    name: 'LOCAL_REPOSITORY_ROOTS',
    about: 'Directories, separated by commas, below which repositories may be registered by path. Default: none.',
    read: list,
    default: [],
  })
  readonly local_roots!: readonly string[];

  @Variable({
    name: 'PRIVATE_CLONE_ADDRESSES',
    about: 'Whether clone URLs may lead to private, loopback or link-local addresses.',
    read: onOff,
    default: false,
  })
  readonly private_addresses!: boolean;

  @Variable({
    name: 'MIRROR_REFRESH_SECONDS',
    about:
      'How long a mirror may go without a fetch when nobody asks for one, give or take a tenth; four times as long while fetches fail. 0: until somebody asks.',
    read: whole(0, 86_400),
    default: 300,
  })
  readonly mirror_refresh_seconds!: number;

  @Variable({
    name: 'GIT_MIN_FREE',
    about:
      'Free bytes on the disk of GIT_ROOT below which workers may not hand over what running checkouts hold (503 `git/no-room`): the room is for what agents push.',
    read: whole(0, 999_999_999_999_999),
    default: 1024 ** 3,
  })
  readonly min_free!: number;

  @Variable({
    name: 'DEVELOPMENT_REPOSITORY',
    about: 'A Git repository that is registered for the first person who signs in. Only outside production.',
    read: text,
    default: '',
  })
  readonly development_repository!: string;
}
