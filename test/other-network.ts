import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from './eventually.js';

const NOBODY = 65_534;

/** Whether this test may make networks and become somebody else: root on Linux, with the tools for it. */
export function mayLeave(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--net', 'setpriv', '--version'], { stdio: 'ignore' });
    execFileSync('ip', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * A network of its own with a single wire to this one, as another machine has it; and who lives there is another
 * account. Both go with the process that holds them.
 */
export class OtherNetwork {
  private readonly holder: ChildProcess;
  private readonly sockets = new Set<Socket>();
  private door: Server | null = null;

  private constructor(
    /** Address of this side of the wire. */
    readonly address: string,
  ) {
    this.holder = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' });
  }

  static async open(): Promise<OtherNetwork> {
    const net = `10.231.${String(randomInt(256))}.${String(4 * randomInt(64))}`;
    const [near, far] = [1, 2].map((host) => net.replace(/\d+$/, (last) => String(Number(last) + host)));
    const network = new OtherNetwork(near ?? '');
    const pid = String(network.holder.pid);
    const own = readlinkSync('/proc/self/ns/net');
    await eventually('the network is there', () => readlinkSync(`/proc/${pid}/ns/net`) !== own);
    const wire = `mt${randomInt(2 ** 32).toString(36)}`;
    const ip = (...args: string[]) => execFileSync('ip', args);
    const there = (...args: string[]) => execFileSync('nsenter', ['-t', pid, '-n', 'ip', ...args]);
    ip('link', 'add', wire, 'type', 'veth', 'peer', 'name', 'wire', 'netns', pid);
    ip('addr', 'add', `${network.address}/30`, 'dev', wire);
    ip('link', 'set', wire, 'up');
    there('addr', 'add', `${far ?? ''}/30`, 'dev', 'wire');
    there('link', 'set', 'wire', 'up');
    there('link', 'set', 'lo', 'up');
    return network;
  }

  /** Lets who is over there reach a port of this machine; gives the address under which they do. */
  async letIn(port: number): Promise<string> {
    this.door = createServer((near) => {
      const far = connect({ host: '127.0.0.1', port });
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => socket.destroy()).on('close', () => [near, far].forEach((one) => one.destroy()));
      }
      near.pipe(far);
      far.pipe(near);
    });
    this.door.listen(0, this.address);
    await once(this.door, 'listening');
    return `http://${this.address}:${String((this.door.address() as AddressInfo).port)}`;
  }

  /** The command as somebody over there runs it, who is nobody here. */
  inside(command: readonly string[]): readonly string[] {
    const account = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--no-new-privs'];
    return ['nsenter', '-t', String(this.holder.pid), '-n', 'setpriv', ...account, '--', ...command];
  }

  /** Gives a directory to who lives there. */
  give(path: string): void {
    execFileSync('chown', ['-R', `${String(NOBODY)}:${String(NOBODY)}`, path]);
  }

  close(): void {
    this.door?.close();
    this.sockets.forEach((socket) => socket.destroy());
    this.holder.kill('SIGKILL');
  }
}
