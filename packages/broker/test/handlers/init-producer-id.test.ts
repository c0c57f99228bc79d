import type { RequestContext } from '@millrace/net'
import { ErrorCode } from '@millrace/protocol'
import { expect, it } from 'vitest'
import { initProducerIdHandler } from '../../src/handlers/init-producer-id.ts'
import { NoProducerIdError } from '../../src/producer-id/producer-ids.ts'

const context = {} as RequestContext
const REQUEST = { transactionalId: null, transactionTimeoutMs: 1000, producerId: -1, producerEpoch: -1 }

it('a producer gets a new id in epoch 0, whatever it had', async () => {
  const handle = initProducerIdHandler({ producerIds: { take: () => Promise.resolve(4711) } })
  expect(await handle({ ...REQUEST, producerId: 5, producerEpoch: 3 }, context)).toEqual({
    producerId: 4711,
    producerEpoch: 0,
  })
})

it('tries again later while there are no ids', async () => {
  const take = () => Promise.reject(new NoProducerIdError('no controller'))
  const handle = initProducerIdHandler({ producerIds: { take } })
  expect(await handle(REQUEST, context)).toEqual({ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
})

it('transactional ids are refused for good', () => {
  const take = () => Promise.reject(new Error('not asked'))
  const handle = initProducerIdHandler({ producerIds: { take } })
  expect(handle({ ...REQUEST, transactionalId: 'copier' }, context)).toEqual({
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
  })
  expect(handle({ ...REQUEST, transactionalId: '' }, context)).toEqual({
    errorCode: ErrorCode.INVALID_REQUEST,
  })
})
