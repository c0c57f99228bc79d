import { describe, expect, it } from 'vitest'
import type { BatchError } from '@millrace/record'
import { Append } from '../../src/partition/append.ts'
import { ValidationQueue } from '../../src/partition/validation-queue.ts'
import type { Verdict } from '../../src/partition/validation-queue.ts'
import { microtasks } from '../support/virtual-time.ts'

const CORRUPT: BatchError = { kind: 'corrupt', message: 'bad checksum' }

function queueOfThree() {
  const verdicts: { readonly batch: string; readonly verdict: Verdict }[] = []
  const queue = new ValidationQueue((_append, batch, verdict) =>
    verdicts.push({ batch: batch.toString(), verdict }),
  )
  const validations = ['a', 'b', 'c'].map((name) => {
    const validation = Promise.withResolvers<BatchError | null>()
    const append = new Append(1, () => {})
    queue.push(append, Buffer.from(name), validation.promise)
    return { ...validation, append }
  })
  return { queue, verdicts, validations }
}

describe('ValidationQueue', () => {
  it('passes batches on in the order of their arrival, however long each validation takes', async () => {
    const { queue, verdicts, validations } = queueOfThree()
    validations[2]!.resolve(null)
    validations[1]!.resolve(CORRUPT)
    await microtasks()
    expect(verdicts).toEqual([])
    expect(queue.isEmpty).toBe(false)

    validations[0]!.resolve(null)
    await microtasks()
    expect(verdicts).toEqual([
      { batch: 'a', verdict: null },
      { batch: 'b', verdict: CORRUPT },
      { batch: 'c', verdict: null },
    ])
    expect(queue.isEmpty).toBe(true)
  })

  it('takes the death of a validating thread for a verdict, so that those behind it do not wait for ever', async () => {
    const { verdicts, validations } = queueOfThree()
    const died = new Error('the thread ended')
    validations[1]!.resolve(null)
    validations[2]!.resolve(null)
    validations[0]!.reject(died)
    await microtasks()
    expect(verdicts.map(({ batch, verdict }) => [batch, verdict])).toEqual([
      ['a', died],
      ['b', null],
      ['c', null],
    ])
  })

  it('gives up everything when it is cleared, and ignores what the pool says afterwards', async () => {
    const { queue, verdicts, validations } = queueOfThree()
    const abandoned: Append[] = []
    queue.clear((append) => abandoned.push(append))
    for (const { resolve } of validations) resolve(null)
    await microtasks()
    expect(abandoned).toEqual(validations.map(({ append }) => append))
    expect(verdicts).toEqual([])
  })
})
