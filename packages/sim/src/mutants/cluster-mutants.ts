/** Bugs of the active controller and of brokers. */
import type { Mutant } from '../mutant/mutant.ts'

export const clusterMutants: readonly Mutant[] = [
  {
    id: 'sessions-on-wall-clock',
    trap: 37,
    title: 'Sessions of brokers are kept by the wall clock',
    edits: [
      {
        file: 'packages/server/src/controller/broker-watch.ts',
        find: 'this.#options = options\n',
        replace:
          'const { clock } = options.env\n    const wall = { monoMs: () => clock.wallMs(), wallMs: () => clock.wallMs() }\n    this.#options = { ...options, env: { ...options.env, clock: wall } }\n',
      },
    ],
  },
  {
    id: 'fenced-broker-leads',
    trap: 21,
    title: 'A broker that is fenced keeps its leaderships',
    edits: [
      {
        file: 'packages/controller/src/fence-broker.ts',
        find: 'changesForGone(context, brokerId)',
        replace: '{ records: [], uncleanElections: [] }',
      },
    ],
  },
  {
    id: 'answer-before-commit',
    trap: 10,
    title: 'A change of the metadata is answered before it is committed (barrier: metadata commit)',
    edits: [
      {
        file: 'packages/server/src/controller/active-controller.ts',
        find: 'const lastOffset = await this.#append(decision)\n        if (propagationMs !== null) {',
        replace:
          'const lastOffset = quorum.latestImage.position.lastOffset\n        void this.#append(decision).catch(() => {})\n        if (propagationMs === Infinity) {',
      },
    ],
  },
]
