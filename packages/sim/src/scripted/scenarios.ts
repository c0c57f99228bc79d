/** All scenarios that are written by hand. */
import { diskScenarios } from './disk-scenarios.ts'
import { failoverScenarios } from './failover-scenarios.ts'
import { producerScenarios } from './producer-scenarios.ts'
import { quorumScenarios } from './quorum-scenarios.ts'
import { replicaScenarios } from './replica-scenarios.ts'
import type { ScriptedScenario } from './scripted-cluster.ts'
import { throttleScenarios } from './throttle-scenarios.ts'

export const scriptedScenarios: readonly ScriptedScenario[] = [
  ...quorumScenarios,
  ...diskScenarios,
  ...replicaScenarios,
  ...failoverScenarios,
  ...producerScenarios,
  ...throttleScenarios,
]
