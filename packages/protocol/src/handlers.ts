/** What a node must have: one handler for each API of its listener. A missing one does not compile. */
import type { ApiName, ApiNameOn, RequestOf, ResponseInputOf } from './apis.ts'
import type { LateAnswer } from './late-answer.ts'
import type { ListenerType } from './schema/define-api.ts'

/** Returned instead of a response to a Produce request with `acks: 0`: nothing is sent. */
export const NO_RESPONSE: unique symbol = Symbol('no response')
export type NoResponse = typeof NO_RESPONSE

type HandlerResult<N extends ApiName> = ResponseInputOf<N> | NoResponse

export type Handler<N extends ApiName, Context> = (
  request: RequestOf<N>,
  context: Context,
) => HandlerResult<N> | LateAnswer<HandlerResult<N>> | Promise<HandlerResult<N>>

export type HandlersOn<Listener extends ListenerType, Context> = {
  readonly [N in ApiNameOn<Listener>]: Handler<N, Context>
}
/** Those of a broker. */
export type Handlers<Context> = HandlersOn<'broker', Context>
export type ControllerHandlers<Context> = HandlersOn<'controller', Context>
