import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readAudit, writeAudit, type EntryPage } from './audit-entries.js';
import { caller, joinsAs, ownerOfNew } from './memberships.js';
import { codeOf } from './sign-in.js';
import { Scratch } from './scratch-git.js';
import { startTestApp, type TestApp } from './test-app.js';

let server: TestApp;
const scratch = new Scratch();

beforeAll(async () => {
  server = await startTestApp({ GIT_ROOT: scratch.directory('mirrors'), LOCAL_REPOSITORY_ROOTS: scratch.path });
});
afterAll(async () => {
  await server.close();
  scratch.remove();
});

const read = (token: string, query = '') => readAudit(server, token, query);
const actions = ({ items }: EntryPage) => items.map(({ action }) => action);

describe('the audit log', () => {
  it('tells who did what, when and from where, newest first', async () => {
    const ada = await ownerOfNew(server);
    const made = await server.request
      .post('/api/v1/api-keys')
      .set({ Authorization: `Bearer ${ada.token}`, 'User-Agent': 'console/1', 'X-Request-Id': 'request-0001' })
      .send({ name: 'CI', permissions: ['tasks.read'] })
      .expect(201);
    const { api_key, secret } = made.body as { api_key: { id: string; prefix: string }; secret: string };
    const page = await read(ada.token);
    expect(page).toEqual({
      items: [
        {
          id: expect.any(String),
          actor: { type: 'user', id: ada.user.id, login: ada.user.login, trigger: null },
          action: 'key.created',
          subject: { key_id: api_key.id, user_id: ada.user.id },
          data: { name: 'CI', prefix: api_key.prefix, permissions: ['tasks.read'], expires_at: null },
          ip: '127.0.0.1',
          user_agent: 'console/1',
          request_id: 'request-0001',
          created_at: expect.stringMatching(/Z$/),
        },
        expect.objectContaining({ action: 'auth.signed_in', data: { origin: 'mock' } }),
      ],
      next_cursor: null,
    });
    expect(JSON.stringify(page)).not.toContain(secret.slice(8));
  });

  it('has the keys that were revoked, tasks and repositories that were deleted, and by whom', async () => {
    const ada = await ownerOfNew(server);
    const { post, delete: remove } = caller(server, ada.token);
    const local_path = scratch.repository('audited', ['feat: first']);
    const key = (await post('api-keys', { name: 'CI', permissions: ['tasks.delete', 'tasks.create'] })).body as {
      api_key: { id: string };
      secret: string;
    };
    const program = caller(server, key.secret);
    const task = (await program.post('tasks', { name: 'Do it', agent_type: 'note' }).expect(201)).body as {
      id: string;
    };
    const repository = (await post('repositories', { local_path }).expect(201)).body as { id: string };
    await program.delete(`tasks/${task.id}`).expect(204);
    await remove(`repositories/${repository.id}`).expect(204);
    await remove(`api-keys/${key.api_key.id}`).expect(204);
    // What fails is not told of.
    await remove(`tasks/${task.id}`).expect(404);
    await remove(`repositories/${repository.id}`).expect(404);
    const { items } = await read(ada.token, 'limit=3');
    expect(items.map(({ action, subject, actor, data }) => [action, subject, actor.id, data])).toEqual([
      ['key.revoked', { key_id: key.api_key.id, user_id: ada.user.id }, ada.user.id, expect.any(Object)],
      [
        'repository.deleted',
        { repository_id: repository.id },
        ada.user.id,
        { full_name: null, clone_url: null, local_path },
      ],
      ['task.deleted', { task_id: task.id }, key.api_key.id, { name: 'Do it', status: 'pending' }],
    ]);
  });

  it('says nothing of a deletion that was refused', async () => {
    const ada = await ownerOfNew(server);
    const { post, delete: remove } = caller(server, ada.token);
    const { id } = (await post('repositories', { local_path: scratch.repository('used', ['feat: first']) }).expect(201))
      .body as { id: string };
    await post('tasks', { name: 'Do it', agent_type: 'note', repository_id: id }).expect(201);
    expect(await codeOf(remove(`repositories/${id}`))).toBe('409 repository/in-use');
    expect(actions(await read(ada.token))).toEqual(['auth.signed_in']);
  });

  it('is for owners and admins, of their own organization alone', async () => {
    const ada = await ownerOfNew(server);
    const [admin, member, viewer] = [
      await joinsAs(server, ada.organization_id, 'admin'),
      await joinsAs(server, ada.organization_id, 'member'),
      await joinsAs(server, ada.organization_id, 'viewer'),
    ];
    for (const { token } of [member, viewer])
      expect(await codeOf(caller(server, token).get('audit-log'))).toBe('403 auth/forbidden');
    const seen = await read(admin.token);
    expect(seen).toEqual(await read(ada.token));
    const stranger = await ownerOfNew(server);
    for (const query of [
      `subject=${ada.user.id}`,
      `actor=${ada.user.id}`,
      `actor=${ada.user.login}`,
      `subject=${ada.organization_id}`,
    ])
      expect((await read(stranger.token, query)).items).toEqual([]);
  });

  it('of the instance is for its administrator in person', async () => {
    const [root, ada] = [await ownerOfNew(server), await ownerOfNew(server)];
    await server.sql.query('update users set is_administrator = true where id = $1', [root.user.id]);
    const key = await caller(server, root.token).post('api-keys', { name: 'CI', permissions: ['audit.read'] });
    const ids = await writeAudit(server, null, [{ action: 'auth.sign_in_failed' }, { action: 'auth.sign_in_failed' }]);
    expect((await read(root.token, 'scope=instance')).items.map(({ id }) => id)).toEqual([...ids].reverse());
    expect((await read(root.token, 'scope=instance&action=key.created')).items).toEqual([]);
    expect(actions(await read(root.token, 'scope=organization'))).toEqual(['key.created', 'auth.signed_in']);
    const { secret } = key.body as { secret: string };
    for (const token of [ada.token, secret])
      expect(await codeOf(caller(server, token).get('audit-log?scope=instance'))).toBe('403 audit/administrators-only');
    expect((await read(secret)).items).toHaveLength(2);
  });

  it('takes additions alone', async () => {
    const { organization_id } = await ownerOfNew(server);
    const before = await server.sql.query('select * from audit_entries where organization_id = $1', [organization_id]);
    for (const statement of [
      `update audit_entries set ip = null`,
      `update audit_entries set ip = null where false`,
      `delete from audit_entries where organization_id = '${organization_id}'`,
      `truncate audit_entries`,
      `insert into audit_entries select * from audit_entries on conflict (id) do update set ip = null`,
    ])
      await expect(server.sql.query(statement)).rejects.toThrow('audit_entries takes additions alone');
    const after = await server.sql.query('select * from audit_entries where organization_id = $1', [organization_id]);
    expect(after.rows).toEqual(before.rows);
    expect(after.rows).toHaveLength(1);
  });
});
