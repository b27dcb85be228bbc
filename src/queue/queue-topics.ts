const ANY = '*';

/** Topics of hints that a task may be claimable for who serves these; null serves any. */
export const queueTopics = (organizationId: string | null, agentTypes: readonly string[] | null): string[] =>
  (agentTypes ?? [ANY]).map((agentType) => `queue:${organizationId ?? ANY}:${agentType}`);

/** Topics of all who may serve a task. */
export const topicsOf = ({ organization_id, agent_type }: { organization_id: string; agent_type: string }): string[] =>
  [organization_id, null].flatMap((organization) =>
    [[agent_type], null].flatMap((types) => queueTopics(organization, types)),
  );
