/** From a seed to all that it stands for. */
import { seededRng } from '@millrace/base'
import { nodePlans } from '../cluster/node-plan.ts'
import { DATA_LOSS_KINDS } from '../fault/fault-event.ts'
import { planFaults } from '../fault/fault-plan.ts'
import { planWorkload, targetsOf } from '../workload/workload-plan.ts'
import type { Scenario } from './scenario.ts'
import { type SwarmConfig, swarmConfig } from './swarm-config.ts'

const FAULTS_FROM_MS = 300

/** The scenario that a seed stands for. */
export function drawScenario(seed: number): Scenario {
  const config = swarmConfig(seed)
  const plans = nodePlans(config)
  const voters = plans.filter(({ isController }) => isController)
  // Voters that can't read what is theirs do not start, and the first election needs all of them.
  const controllers = new Set(voters.map(({ name }) => name))
  // Somebody must be left to whom clients can talk.
  const keeper = plans.find(({ isBroker }) => isBroker)?.name
  const rng = seededRng(seed).fork('scenario')
  return {
    seed,
    config,
    operations: planWorkload(
      rng.fork('workload'),
      targetsOf(
        config,
        voters.map(({ id }) => id),
      ),
    ),
    faults: planFaults({
      rng: rng.fork('faults'),
      nodes: plans.map(({ name }) => name),
      kinds: config.faults.kinds,
      startMs: FAULTS_FROM_MS,
      endMs: config.chaosMs,
      everyMs: config.faults.everyMs,
      dataLossNodesMax: losersMax(config),
    }).filter((fault) => {
      if (!DATA_LOSS_KINDS.has(fault.kind) || !('node' in fault)) return true
      return fault.node !== keeper && !(fault.kind === 'bit-flip' && controllers.has(fault.node))
    }),
  }
}

/** A minority of the controllers, as long as the set of voters stays what it is. */
function losersMax({ controllers, load }: SwarmConfig): number {
  return load.voterChanges ? 0 : (controllers - 1) / 2
}
