/** Entry of a shard's worker thread: the real world, except that logging and jobs are the supervisor's. */
import { workerData } from 'node:worker_threads'
import { AssertionError } from '@millrace/base'
import type { Env, Job, JobRunner, Log } from '@millrace/base'
import { nodeEnv, nodeTimers, tidyUpWhenCalm } from '@millrace/base/node'
import { Shard } from '../shard/shard.ts'
import { Calls, PortClosedError } from '../thread/calls.ts'
import type { LogLine, ShardWorkerData, SupervisorThreadCalls, WorkerCalls } from './thread-calls.ts'
import { threadPort } from './thread-port.ts'

type SupervisorChannel = Calls<SupervisorThreadCalls, WorkerCalls>

const { start, supervisor } = workerData as ShardWorkerData

// The channel is there before the shard that serves its calls: the first of them comes with a later message.
let shard: Shard | null = null
const channel: SupervisorChannel = new Calls<SupervisorThreadCalls, WorkerCalls>(
  threadPort(supervisor),
  nodeTimers,
  {
    open: () => running().open(),
    listen: (listen) => {
      tidyUpWhenCalm()
      return running().listen(listen)
    },
    announce: (ports) => running().announce(ports),
    setStanding: (standing) => running().setStanding(standing),
    leaderLost: (loss) => running().leaderLost(loss),
    publish: (update) => running().publish(update),
    checkpoints: () => running().checkpoints(),
    applyRetention: () => running().applyRetention(),
    drain: () => running().drain(),
    close: () => running().close(),
    connectPeer: ({ shard: peer, port }) => running().connectPeer(peer, threadPort(port)),
  },
)

const log = remoteLog(channel, {})
const env: Env = { ...nodeEnv({ log }), jobs: remoteJobs(channel) }
shard = new Shard(env, start, {
  controllerRequest: (call) => channel.call('controllerRequest', call) as Promise<never>,
  alterPartition: (request) => channel.call('alterPartition', request) as Promise<never>,
  allocateProducerIds: (request) => channel.call('allocateProducerIds', request),
  describeConfigs: (request) => channel.call('describeConfigs', request),
  lostFollowers: () => channel.call('lostFollowers', undefined),
  leaderLost: (loss) => channel.call('leaderLost', loss),
  saveCheckpoint: (checkpoint) => channel.call('saveCheckpoint', checkpoint),
  logFailed: (failure) => channel.call('logFailed', failure),
  forgetPartition: (partition) => channel.call('forgetPartition', partition),
  folderRemoved: (removed) => channel.call('folderRemoved', removed),
})

function running(): Shard {
  if (shard === null) throw new AssertionError('a call came before the shard was made')
  return shard
}

function remoteJobs(calls: SupervisorChannel): JobRunner {
  return {
    run: <Input, Output>({ pool, module }: Job<Input, Output>, input: Input) =>
      calls.call('runJob', { pool, module, input }) as Promise<Output>,
  }
}

function remoteLog(calls: SupervisorChannel, context: object): Log {
  const line =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      calls.call('log', { level, fields: { ...context, ...fields }, message }).catch((error: unknown) => {
        // The supervisor is gone, and this thread ends with it: there is nobody left to tell.
        if (!(error instanceof PortClosedError)) throw error
      })
    }
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => remoteLog(calls, { ...context, ...fields }),
  }
}
