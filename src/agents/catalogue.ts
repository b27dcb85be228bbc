import type { Launch } from './launch.js';

/** An entry of the catalogue as it is written down here. */
export interface CatalogueEntry {
  id: string;
  agent_type: string;
  name: string;
  layer: number;
  category: 'coding' | 'business' | 'builtin';
  description: string;
  capabilities: string[];
  launch: Launch | null;
}

type Row = [name: string, description: string, capabilities: string];

const CODING: Row[] = [
  [
    'CodeGenAgent',
    'Writes the code a task asks for, and the tests that go with it.',
    'generation, bug fixing, refactoring',
  ],
  [
    'ReviewAgent',
    'Reviews changes and scores them from 0 to 100; 80 passes.',
    'static analysis, security scan, scoring',
  ],
  ['IssueAgent', 'Reads new issues, labels them and says how urgent they are.', 'label inference, triage, priority'],
  ['PRAgent', 'Opens pull requests with a text that explains the change.', 'PR text, conventional commits, branches'],
  ['DeploymentAgent', 'Deploys a version, watches its health and rolls it back.', 'deploy, monitoring, rollback'],
  ['RefresherAgent', 'Keeps the states of issues in step with the work on them.', 'state tracking, sync'],
];

const BUSINESS: Row[] = [
  ['AIEntrepreneurAgent', 'Drafts a business plan and tests its assumptions.', 'planning, validation, revenue model'],
  ['ProductConceptAgent', 'Turns an idea into a product concept.', 'USP, canvas, revenue'],
  ['ProductDesignAgent', 'Designs the service behind a concept.', 'design, stack, MVP'],
  ['FunnelDesignAgent', 'Designs the way from visitor to customer.', 'funnel, LTV, conversion'],
  ['PersonaAgent', 'Describes the people a product is for.', 'personas, journeys, segments'],
  ['SelfAnalysisAgent', 'Takes stock of skills and experience.', 'career, skills, achievements'],
  ['MarketResearchAgent', 'Studies a market and who is in it.', 'competitors, trends, market size'],
  ['MarketingAgent', 'Plans how customers are won.', 'ads, SEO, social'],
  ['ContentCreationAgent', 'Writes texts, scripts and tutorials.', 'video, writing, tutorials'],
  ['SNSStrategyAgent', 'Plans what to say on social media, and when.', 'strategy, calendar, engagement'],
  ['YouTubeAgent', 'Plans and tunes a YouTube channel.', 'channel, planning, SEO'],
  ['SalesAgent', 'Works out how interest becomes a sale.', 'conversion, funnel, process'],
  ['CRMAgent', 'Looks after those who are customers already.', 'success, LTV, churn'],
  ['AnalyticsAgent', 'Measures what happened and what to change.', 'KPIs, PDCA, growth'],
];

/** `AIEntrepreneurAgent` > `ai-entrepreneur-agent`, `CodeGenAgent` > `codegen-agent`. */
const IDS: Readonly<Record<string, string>> = {
  CodeGenAgent: 'codegen-agent',
  PRAgent: 'pr-agent',
  AIEntrepreneurAgent: 'ai-entrepreneur-agent',
  SNSStrategyAgent: 'sns-strategy-agent',
  YouTubeAgent: 'youtube-agent',
  CRMAgent: 'crm-agent',
};

const idOf = (name: string): string => IDS[name] ?? name.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();

function entry([name, description, capabilities]: Row, category: 'coding' | 'business', layer = 4): CatalogueEntry {
  const id = idOf(name);
  const agent_type = id.replace(/-agent$/, '');
  return { id, agent_type, name, layer, category, description, capabilities: capabilities.split(', '), launch: null };
}

const COORDINATOR: Row = [
  'CoordinatorAgent',
  'Takes an issue apart into tasks and plans their order.',
  'decomposition, DAG planning, parallel execution',
];

const builtin = (id: string, name: string, description: string, capabilities: string[]): CatalogueEntry => ({
  id,
  agent_type: id,
  name,
  layer: 4,
  category: 'builtin',
  description,
  capabilities,
  launch: { command: [id], mode: 'builtin' },
});

/** The 21 agents in their order, then the two that every worker can do by itself. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  entry(COORDINATOR, 'coding', 3),
  ...CODING.map((row) => entry(row, 'coding')),
  ...BUSINESS.map((row) => entry(row, 'business')),
  builtin('note', 'Note', 'Commits the brief of the task as a file. Needs no account anywhere.', ['commit']),
  builtin('script', 'Script', 'Runs the argument list in metadata.command in the checkout.', ['run a command']),
];
