/** Effects as lines of a scenario; null for what would only be noise. */
import type { FetchReply, ReplicationEffect } from '../../src/index.ts'
import type { Entry } from './disk.ts'
import type { Wait } from './driver.ts'

export function describeEffect(effect: ReplicationEffect): string | null {
  switch (effect.kind) {
    case 'role': {
      const leader = effect.leaderId === -1 ? 'nobody' : String(effect.leaderId)
      return `is ${effect.role}, epoch ${effect.leaderEpoch} of ${leader}`
    }
    case 'refuse-leadership':
      return `refuses to lead epoch ${effect.leaderEpoch}: ${effect.reason}`
    case 'fault':
      return `fault: ${effect.why}`
    case 'assign-epoch-start':
      return `epoch ${effect.leaderEpoch} begins at ${effect.startOffset}`
    case 'append-fetched': {
      const entries = effect.records.data as readonly Entry[]
      return `append ${entries.map(({ epoch }, index) => `${effect.records.baseOffset + index}@${epoch}`).join(' ')}`
    }
    case 'truncate':
      return `truncate to ${effect.offset} (${effect.reason})`
    case 'restart-log':
      return `begin a new log at ${effect.offset}${effect.isUnclean ? ' (unclean)' : ''}`
    case 'advance-log-start':
      return `log starts at ${effect.offset}`
    case 'high-watermark':
      return `high watermark ${effect.offset}`
    case 'release':
      return `acknowledge ${effect.waits.map((wait) => (wait as Wait).value).join(' ')}`
    case 'fail':
      return `fail ${effect.waits.map((wait) => (wait as Wait).value).join(' ')}: ${effect.error}`
    case 'respond-fetch':
      return describeReply(effect.replicaId, effect.reply)
    case 'alter-partition': {
      const isr = effect.newIsr.map(({ id, brokerEpoch }) => `${id}/${brokerEpoch}`).join(' ')
      const recovery = effect.leaderRecoveryState === 1 ? ', recovering' : ''
      return `propose ISR ${isr} at ${effect.leaderEpoch}.${effect.partitionEpoch}${recovery}`
    }
    case 'fetch':
    case 'cancel-fetch':
    case 'flush':
      return null
  }
}

function describeReply(replicaId: number, reply: FetchReply): string | null {
  if (reply.kind === 'diverging') {
    return `to ${replicaId}: diverging, epoch ${reply.end.epoch} ends at ${reply.end.endOffset}`
  }
  return reply.kind === 'error' ? `to ${replicaId}: ${reply.error}` : null
}
