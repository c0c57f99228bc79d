import { ErrorCode } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { NoProducerIdError, ProducerIds } from '../../src/producer-id/producer-ids.ts'

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => log }

/** Gives blocks of ten as a controller does, when it is told to. */
class Controller {
  next = 0
  asked = 0
  /** Answers wait for `answerAll` while it is set. */
  held: (() => void)[] | null = null
  refusal = 0
  async allocate() {
    this.asked++
    if (this.held !== null) await new Promise<void>((resolve) => this.held!.push(resolve))
    if (this.refusal !== 0) return { errorCode: this.refusal }
    const producerIdStart = this.next
    this.next += 10
    return { producerIdStart, producerIdLen: 10 }
  }
}

function idsOf(controller: Controller): ProducerIds {
  return new ProducerIds({ clock: { monoMs: () => 0 }, log, allocate: () => controller.allocate() })
}

describe('producer ids', () => {
  it('are never given out twice, by any of those that share a controller', async () => {
    const controller = new Controller()
    const shards = [idsOf(controller), idsOf(controller), idsOf(controller)]
    const taken = await Promise.all(Array.from({ length: 300 }, (_, index) => shards[index % 3]!.take()))
    expect(new Set(taken).size).toBe(300)
  })

  it('are never given out twice when many wait for a block that is too small for all', async () => {
    const controller = new Controller()
    const ids = idsOf(controller)
    const taken = await Promise.all(Array.from({ length: 35 }, () => ids.take()))
    expect(new Set(taken).size).toBe(35)
  })

  it('come without waiting when the next block was asked for in time: at nine tenths', async () => {
    const controller = new Controller()
    const ids = idsOf(controller)
    for (let count = 0; count < 8; count++) await ids.take()
    expect(controller.asked).toBe(1)
    await ids.take()
    expect(controller.asked).toBe(2)
    controller.held = []
    const rest = await Promise.all([ids.take(), ids.take()])
    expect(rest).toEqual([9, 10])
  })

  it('are missing while the controller gives none, and there again when it does', async () => {
    const controller = new Controller()
    controller.refusal = ErrorCode.NOT_CONTROLLER
    const ids = idsOf(controller)
    await expect(ids.take()).rejects.toBeInstanceOf(NoProducerIdError)
    controller.refusal = 0
    expect(await ids.take()).toBe(0)
  })
})
