/** What each tag of the document is about, in the order in which Swagger UI shows them. */
export const TAGS: Readonly<Record<string, string>> = {
  Auth: 'Signing in, tokens, and who is calling.',
  'API keys': 'Keys of programs. Each acts in one organization, and never beyond what its maker may do there.',
  Organizations: 'Tenants; everything belongs to one. The first sign-in of a person makes their own.',
  'Audit log': 'Who did what, when and from where.',
  Repositories: 'Registered Git repositories: the mirrors that workers check out from.',
  Logs: 'Commits of the registered repositories, read as log entries.',
  Worktrees: 'Linked work trees of local repositories, and the checkouts that workers keep.',
  Deployments: 'Versions of repositories: tags, where they were deployed, and what is between two of them.',
  Tasks: 'What has to be done, in which state it is, and why it is not running.',
  Executions: 'Attempts at tasks: their logs, progress and outcomes.',
  Agents: 'The catalogue: which kinds of work there are, and how each is launched.',
  Workers: 'Processes that claim and execute tasks, known by their heartbeat.',
  Coordinators: 'Processes that supervise the workers of a host: what it has to give, and how it is.',
  'Worker protocol': 'What workers themselves call: claims, heartbeats, logs and results.',
  Events: 'What happened, in order.',
  Health: 'Whether the server and its database can do their work.',
};
