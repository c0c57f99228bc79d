/** The context of a request that a broker of the same process makes: there is no connection that could close. */
import type { Clock, Endpoint } from '@millrace/base'
import type { ControllerRequestContext } from '@millrace/broker'
import type { Connection, RequestContext } from '@millrace/net'

const NOWHERE: Endpoint = { host: 'localhost', port: 0 }

const LOCAL_CONNECTION: Connection = {
  id: 0,
  listener: 'LOCAL',
  local: NOWHERE,
  remote: NOWHERE,
  wire: 'native',
  authenticated: true,
  close() {},
}

export function localContext(context: ControllerRequestContext, clock: Clock): RequestContext {
  return {
    connection: LOCAL_CONNECTION,
    apiVersion: context.apiVersion,
    clientId: context.clientId,
    receivedAtMs: clock.monoMs(),
    // What it is answered is never sent, and so never reused.
    afterWritten() {},
    onClosed() {},
  }
}
