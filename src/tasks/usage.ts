export { COST_SOURCES, type CostSource, type Usage } from '../queue/usage.js';

/** How far the budget of a task is used up; null below 80 % and without a budget. `spent` is to the last bit. */
export type BudgetState = 'near' | 'spent' | 'exceeded' | null;
