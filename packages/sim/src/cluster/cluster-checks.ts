/** All that is checked while a cluster runs, and how it reports what does not hold. */
import { ImageChecks } from '../invariant/image-checks.ts'
import { MetadataFacts } from '../invariant/metadata-facts.ts'
import { QuorumChecks } from '../invariant/quorum-checks.ts'
import type { World } from '../world/world.ts'
import type { NodePlan } from './node-plan.ts'

export interface ClusterChecks {
  readonly quorum: QuorumChecks
  readonly image: ImageChecks
  readonly facts: MetadataFacts
  violate(invariant: string, details: string): void
}

/** @param mayForget whether this node may lose what it had, and fetch it again */
export function clusterChecks(
  world: World,
  plans: readonly NodePlan[],
  mayForget: (node: number) => boolean,
): ClusterChecks {
  const violate = (invariant: string, details: string): void => {
    world.violate('invariant', `[${invariant}] ${details}`)
  }
  const genesisVoters = plans
    .filter(({ isController }) => isController)
    .map(({ id }) => ({ id, directoryId: null }))
  const facts = new MetadataFacts()
  return {
    quorum: new QuorumChecks({ genesisVoters, violate, mayForget }),
    image: new ImageChecks({ violate, onCommitted: (records) => facts.add(records, world.nowMs) }),
    facts,
    violate,
  }
}
