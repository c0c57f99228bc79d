/** All bugs that the simulator must find. */
import type { Mutant } from '../mutant/mutant.ts'
import { clusterMutants } from './cluster-mutants.ts'
import { driverMutants } from './driver-mutants.ts'
import { producerMutants } from './producer-mutants.ts'
import { raftMutants } from './raft-mutants.ts'
import { replicationMutants } from './replication-mutants.ts'

export const catalogue: readonly Mutant[] = [
  ...raftMutants,
  ...driverMutants,
  ...clusterMutants,
  ...replicationMutants,
  ...producerMutants,
]
