/** What a broker must have: one handler for each declared API. A missing one does not compile. */
import type { ApiName, RequestOf, ResponseInputOf } from './apis.ts'
import type { LateAnswer } from './late-answer.ts'

/** Returned instead of a response to a Produce request with `acks: 0`: nothing is sent. */
export const NO_RESPONSE: unique symbol = Symbol('no response')
export type NoResponse = typeof NO_RESPONSE

type HandlerResult<N extends ApiName> = ResponseInputOf<N> | NoResponse

export type Handler<N extends ApiName, Context> = (
  request: RequestOf<N>,
  context: Context,
) => HandlerResult<N> | LateAnswer<HandlerResult<N>> | Promise<HandlerResult<N>>

export type Handlers<Context> = { readonly [N in ApiName]: Handler<N, Context> }
