/** How a machine is, as its workers and its coordinator tell. */
export interface MachineUsage {
  cpu_usage?: number;
  memory_usage?: number;
  disk_usage?: number;
  uptime_seconds?: number;
}
