import type { LeaderEpoch, Offset } from '@millrace/base'
import type { Log } from '@millrace/storage'
import { describe, expect, it } from 'vitest'
import { summaryOf } from '../../src/replica/log-summary.ts'

const offset = (value: number): Offset => value as Offset
const checkpoint = { highWatermark: offset(7), owedEndOffset: offset(9) }

/** As far as a summary looks at it. */
function logOf(fields: object): Log {
  const sound = {
    logStartOffset: offset(2),
    logEndOffset: offset(10),
    recoveryPoint: offset(8),
    corruption: null,
  }
  return { ...sound, leaderEpochs: [{ epoch: 3, startOffset: 2 }], ...fields } as unknown as Log
}

describe('what a replica begins with', () => {
  it('is what recovery found, and what the checkpoints say', () => {
    expect(summaryOf(logOf({}), checkpoint, true)).toEqual({
      logStartOffset: 2,
      logEndOffset: 10,
      flushedEndOffset: 8,
      epochs: [{ epoch: 3, startOffset: 2 }],
      highWatermark: 7,
      owedEndOffset: 9,
      damagedFrom: null,
    })
  })

  it('counts with others who have what a damaged log lacks, and goes on with what is sound where there are none', () => {
    const damaged = logOf({ corruption: { path: 'x', position: 0, offset: offset(5), reason: 'x' } })
    expect(summaryOf(damaged, checkpoint, true)).toMatchObject({ owedEndOffset: 9, damagedFrom: 5 })
    expect(summaryOf(damaged, checkpoint, false)).toMatchObject({ owedEndOffset: null, damagedFrom: null })
  })

  it('has an epoch for every record, also where damage took the epochs, and none where there is no record', () => {
    const oldest = { epoch: 0 as LeaderEpoch, startOffset: 2 }
    expect(summaryOf(logOf({ leaderEpochs: [] }), checkpoint, true).epochs).toEqual([oldest])
    expect(summaryOf(logOf({ leaderEpochs: [], logEndOffset: offset(2) }), checkpoint, true).epochs).toEqual(
      [],
    )
  })
})
