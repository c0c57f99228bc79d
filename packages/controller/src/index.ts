export { BrokerSessions, type BrokerSessionsConfig, type EndedSession } from './broker-sessions.ts'
export { controllerHandlers, type DecidedApi } from './controller-handlers.ts'
export { topicIdsNeeded } from './create-topics.ts'
export type {
  ControllerConfig,
  DecidedChanges,
  Decision,
  DecisionContext,
  LiveSessions,
  RandomInput,
  Refusal,
} from './decision.ts'
export { type BrokerFenced, type BrokerProcess, fenceBroker } from './fence-broker.ts'
export { firstRecords } from './first-records.ts'
export { balanceLeaders, type LeaderBalance } from './leader-balance.ts'
export type { UncleanElection } from './partition-changes.ts'
export { refuseAll } from './refuse-all.ts'
