const MOST = 2 ** 31 - 1;

/** The forms in which branches name an issue: `issue-123`, `#123`, `fix/123` and `123-fix` behind a slash. */
const FORMS = [/(?:^|[^A-Za-z0-9])issue-(\d+)(?!\w)/i, /#(\d+)(?!\w)/, /\/(\d+)(?=$|[/_-])/];

/** Number of the issue that a branch is named after; null when it names none. */
export function issueOfBranch(branch: string | null): number | null {
  for (const form of FORMS) {
    const number = Number(form.exec(branch ?? '')?.[1] ?? 0);
    if (number >= 1 && number <= MOST) return number;
  }
  return null;
}
