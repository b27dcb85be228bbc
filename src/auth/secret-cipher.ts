import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { GithubConfig } from '../config/github.config.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What was sealed cannot be opened: somebody has changed it, or its key is gone. Names the key and nothing else. */
export class SealBroken extends Error {
  constructor(key_id: string, known: boolean) {
    super(known ? `a text sealed with the key ${key_id} was changed` : `there is no key ${key_id}`);
    this.name = 'SealBroken';
  }
}

/**
 * Encrypts secrets that must be read again (AES-256-GCM). A sealed text names its key, and is bound to a context: in
 * another row it cannot be opened.
 */
@Injectable()
export class SecretCipher {
  constructor(private readonly config: GithubConfig) {}

  /** Whether there is a key to seal with. */
  get ready(): boolean {
    return this.config.token_encryption_keys.length > 0;
  }

  /** The key that seals; the others only open what they have sealed. */
  get key_id(): string {
    return this.first.id;
  }

  /** The keys that only open. */
  get older_key_ids(): string[] {
    return this.config.token_encryption_keys.slice(1).map(({ id }) => id);
  }

  /** `<key id>.<nonce, tag and ciphertext in base64url>` */
  seal(text: string, context: string): string {
    const { id, key } = this.first;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context));
    const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `${id}.${Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]).toString('base64url')}`;
  }

  /** Throws SealBroken. */
  open(sealed: string, context: string): string {
    const [id = '', encoded = ''] = sealed.split('.');
    const key = this.config.token_encryption_keys.find((candidate) => candidate.id === id)?.key;
    if (key === undefined) throw new SealBroken(id.slice(0, 32), false);
    const bytes = Buffer.from(encoded, 'base64url');
    try {
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      // Without a length of its own, Node takes tags of four bytes for good.
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(context)).setAuthTag(tag);
      const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      throw new SealBroken(id, true);
    }
  }

  private get first() {
    const [first] = this.config.token_encryption_keys;
    if (first === undefined) throw new Error('TOKEN_ENCRYPTION_KEYS is empty');
    return first;
  }
}
