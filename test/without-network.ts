const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * The body of a generated request, whose examples lead to hosts of others, here to a repository of the test or nowhere.
 * What it says now is judged: damage makes other addresses of the examples. All other damage stays as it is.
 */
export function withoutNetwork(body: string, repository: string): string {
  const text = body
    .replaceAll('octocat/hello-world', 'no name')
    .replaceAll('https://example.com', 'https://127.0.0.1')
    .replaceAll('/srv/repositories/project', repository);
  // The server reads past a byte order mark, as JSON.parse does not.
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const fields = fieldsOf(text.slice(mark.length));
  const harmless = {
    ...(leadsToGitHub(fields['full_name']) && { full_name: 'no name' }),
    ...(leadsOutward(fields['clone_url']) && { clone_url: 'https://127.0.0.1/x' }),
  };
  // Written anew only where it must be: numbers and escapes would not come out as they were.
  return Object.keys(harmless).length > 0 ? mark + JSON.stringify({ ...fields, ...harmless }) : text;
}

/** Without fields where it is no JSON object, which registers nothing. */
function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as never) : {};
  } catch {
    return {};
  }
}

const leadsToGitHub = (full_name: unknown): boolean => typeof full_name === 'string' && full_name.includes('/');

/** Whatever is not clearly of this machine; what has no colon is no address, neither a URL nor `git@host:path`. */
function leadsOutward(clone_url: unknown): boolean {
  if (typeof clone_url !== 'string' || !clone_url.includes(':')) return false;
  if (!URL.canParse(clone_url)) return true;
  const { protocol, hostname } = new URL(clone_url);
  return protocol !== 'file:' && !LOOPBACK.test(hostname);
}
