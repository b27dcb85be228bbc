// Made from openapi.json by `npm run generate`.
export interface paths {
    "/api/v1/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the agents of the catalogue in its order, then those of the organization, with true figures of their executions
         * @description Needs the permission `agents.read`.
         */
        get: operations["agentsList"];
        put?: never;
        /**
         * Make an agent of the organization's own
         * @description Its id is its type with `-agent` behind it. Only owners and admins, and keys they have made, say how it is launched.
         *
         *     Needs the permission `agents.manage`.
         */
        post: operations["agentsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/execute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have an agent work on a repository: creates a task, with any field that a task may have
         * @description Needs the permission `agents.execute`.
         */
        post: operations["agentTasksExecute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count the agents by layer and by category, with what they do
         * @description The built-in ones are not among them.
         *
         *     Needs the permission `agents.read`.
         */
        get: operations["agentsOverview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read one agent
         * @description Needs the permission `agents.read`.
         */
        get: operations["agentsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change what the organization says of an agent
         * @description Absent fields stay, null leaves it to the catalogue. Tasks of an agent that is switched off wait; what runs goes on. A limit holds for claims that begin after it was set. Only owners and admins, and keys they have made, change how it is launched.
         *
         *     Needs the permission `agents.manage`.
         */
        patch: operations["agentsUpdate"];
        trace?: never;
    };
    "/api/v1/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List keys, newest first
         * @description Owners and admins see every key of the organization, members their own. Revoked and expired ones stay on the list.
         *
         *     Needs the permission `keys.manage`.
         */
        get: operations["apiKeysList"];
        put?: never;
        /**
         * Make a key for a program
         * @description It acts in the organization it is made in, and only people make keys. Its permissions are some of the maker's own; of those it may use what the maker may still do at that time, and nothing once they are no member any more. The answer is the only place where the whole key can be read.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Needs the permission `keys.manage`.
         */
        post: operations["apiKeysCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a key
         * @description It is refused from the next request on. Owners and admins may revoke every key of the organization, members their own. Revoking it once more changes nothing.
         *
         *     Needs the permission `keys.manage`.
         */
        delete: operations["apiKeysRevoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the audit log, newest first
         * @description Sign-ins and their failures, changes of keys, members and roles, deletions. Nobody can change or remove an entry.
         *
         *     Needs the permission `audit.read`.
         */
        get: operations["auditList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/device": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin the sign-in of a device without a browser
         * @description The device flow of OAuth (RFC 8628), with JSON bodies. The device shows `user_code` and `verification_uri`, and asks `POST /auth/device/token` every `interval` seconds until somebody has approved it on that page.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Open to everybody.
         */
        post: operations["deviceSignInBegin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/device/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve or deny the device with a code
         * @description For people. The device acts as the caller, in the organization that the caller's token acts in, provided that the caller is still signed in and belongs there when the device fetches its tokens.
         *
         *     Needs a caller who is signed in.
         */
        post: operations["deviceSignInAnswer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/device/lookup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Look at the device with a code before approving it
         * @description For people. Ten wrong codes within 15 minutes are one too many.
         *
         *     Needs a caller who is signed in.
         */
        post: operations["deviceSignInLookUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/device/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for the tokens of a device
         * @description Answers them once. Before that it is a 400 whose `error` is the word of RFC 8628 §3.5: `authorization_pending` (ask again), `slow_down` (ask again after the new `interval`), `access_denied`, `expired_token`, or `invalid_grant` for a code that is unknown or was exchanged already.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Open to everybody.
         */
        post: operations["deviceSignInExchange"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/github": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Send a browser to GitHub to sign in
         * @description It has ten minutes to come back to the callback, in the same browser. Answers 404 where GitHub is not set up.
         *
         *     Open to everybody.
         */
        get: operations["githubBegin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/github/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Receive a browser that comes back from GitHub
         * @description Begins a session in the cookie `miyabi_refresh` (see `POST /auth/refresh`) and sends the browser to the path it came for: to `FRONTEND_URL`, or for `/api/...` and `/device` to this server. A sign-in that came to nothing goes there with `?error=` instead and has no session: `access_denied` (the person said no), `github_refused` (GitHub did), `github_unavailable` (it was out of reach, too slow or had a fault), `github_malformed` (its answer made no sense), `sign_up_closed` (nobody has invited them). A state that is wrong, expired, of another browser or has been used is a 400.
         *
         *     Open to everybody.
         */
        get: operations["githubCallback"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign out, here or everywhere
         * @description Takes the cookie of a browser away as well.
         *
         *     Needs a caller who is signed in.
         */
        post: operations["authLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell who is signed in, where, and what they may do
         * @description Needs a caller who is signed in.
         */
        get: operations["authMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/methods": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell the ways to sign in here
         * @description Open to everybody.
         */
        get: operations["signInMethodsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/mock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in without GitHub (development only)
         * @description Answers 404 where it is not enabled, and 403 for a person who has ever signed in through GitHub, or whom `SIGN_UP` keeps out.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Open to everybody.
         */
        post: operations["authMockLogin"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Exchange a refresh token for a new pair of tokens
         * @description Programs send it in the body. Browsers leave it out: then that of the cookie `miyabi_refresh` is used, `Origin` must be this server, `FRONTEND_URL` or one of `CORS_ORIGINS`, and the next one goes into the cookie, not into the answer.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Open to everybody.
         */
        post: operations["authRefresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the caller's own sessions that have not ended, newest first
         * @description Needs a caller who is signed in.
         */
        get: operations["sessionsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End one of the caller's own sessions
         * @description Its access and refresh tokens are refused from the next request on. The current session may be ended as well.
         *
         *     Needs a caller who is signed in.
         */
        delete: operations["sessionsRevoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/switch-organization": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Go on in another organization
         * @description The session stays and acts in the other organization. Keep the new pair and forget the old one: access tokens of the organization before are refused from now on, and its refresh token counts as used, so that sending it once more ends the session. A session that a browser keeps in its cookie goes on there, and `refresh_token` is null.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Needs a caller who is signed in.
         */
        post: operations["sessionsSwitchOrganization"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coordinators": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the coordinators of the organization and of the instance, the last registered first
         * @description Needs the permission `coordinators.read`.
         */
        get: operations["coordinatorsList"];
        put?: never;
        /**
         * Register a coordinator
         * @description It gets a token of its own, which may send its heartbeats, drain it, and register workers that belong to it. 200 instead of 201 says that it has come back; then it has the workers it had, and its earlier token is refused. A join token for coordinators registers one too, whose workers get its labels, and a coordinator's own token that coordinator again: its present token stays good until the new one has come back in the same way, as an answer may get lost.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Needs the permission `coordinators.register`.
         */
        post: operations["coordinatorsRegister"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coordinators/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a coordinator
         * @description Needs the permission `coordinators.read`.
         */
        get: operations["coordinatorsGet"];
        put?: never;
        post?: never;
        /**
         * Delete a coordinator
         * @description Its token is refused from now on, and its process ends in order, with the workers that it started. To the server these are workers like any other then: they go on until they are ended, and belong to no coordinator.
         *
         *     Needs the permission `coordinators.manage`.
         */
        delete: operations["coordinatorsDelete"];
        options?: never;
        head?: never;
        /**
         * Change the name, the capacity or the labels of a coordinator
         * @description Needs the permission `coordinators.manage`.
         */
        patch: operations["coordinatorsUpdate"];
        trace?: never;
    };
    "/api/v1/coordinators/{id}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a coordinator and its workers finish and stop
         * @description Its workers end what they run and take no more; then they are `stopped`, and so is it. Its own token may do this as well. Coordinators of the instance are managed by its administrator alone, here and below.
         *
         *     Needs the permission `coordinators.manage`.
         */
        post: operations["coordinatorsDrain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coordinators/{id}/heartbeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a sign of life with the usage of the host, which is kept for a while
         * @description Needs the token of a coordinator, which acts for itself alone.
         */
        post: operations["coordinatorsHeartbeat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coordinators/{id}/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what a coordinator reported of its host, the latest first
         * @description It is kept for a week unless configured otherwise.
         *
         *     Needs the permission `coordinators.read`.
         */
        get: operations["coordinatorsMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coordinators/{id}/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the workers of a coordinator, the last registered first
         * @description Needs the permission `coordinators.read`.
         */
        get: operations["coordinatorsWorkers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List versions and their deployments, newest version first
         * @description Every tag is a version. One that somebody has recorded is listed as that says, as often as it was deployed; of the others it is known that they exist, and nothing more. Of several repositories, those whose tags cannot be read, that were never fetched, or that there was no time for are named under `unread`. Of the one that was asked for, and where none can be read, a failure of Git is an error with its cause, never an empty list.
         *
         *     Needs the permission `deployments.read`.
         */
        get: operations["deploymentsList"];
        put?: never;
        /**
         * Record a deployment
         * @description Says that a tag or a commit is to be deployed, is being deployed, or was. The same version may be recorded several times, once for each time that it is deployed.
         *
         *     Needs the permission `deployments.write`.
         */
        post: operations["deploymentsRecord"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Compare two versions
         * @description The commits that `to` has and `from` has not, newest first, with the issues and tasks they tell of. Either may be a tag or the whole id of a commit, recorded as deployed or not. A tag that is gone stands for the commit that was recorded last under its name, as long as the mirror has it.
         *
         *     Needs the permission `deployments.read`.
         */
        get: operations["deploymentsCompare"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell what is at each environment
         * @description The last deployment that succeeded there and was not rolled back, and what is under way. Environments are those that anything was recorded for, by repository and name; tags alone say nothing of what is where.
         *
         *     Needs the permission `deployments.read`.
         */
        get: operations["deploymentsStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/deployments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a deployment, or a tag by the id it has in the list
         * @description Needs the permission `deployments.read`.
         */
        get: operations["deploymentsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a deployment: promote it, or say how far it is
         * @description A tag that nobody has recorded is recorded by this, under the id it had.
         *
         *     Needs the permission `deployments.write`.
         */
        patch: operations["deploymentsChange"];
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Events of the organization in their order
         * @description Ask again with `after` set to `next_cursor` for those that follow.
         *
         *     Needs the permission `events.read`.
         */
        get: operations["eventsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow events as they happen, as server-sent events
         * @description Who comes again with `Last-Event-ID` misses nothing. Beside them, events named `live` tell how executions get on; they have no id, and may be left out.
         *
         *     Needs the permission `events.read`.
         */
        get: operations["eventsStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List executions, newest first
         * @description Needs the permission `tasks.read`.
         */
        get: operations["executionsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read an execution
         * @description Needs the permission `tasks.read`.
         */
        get: operations["executionsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions/{id}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what an execution has changed in its repository
         * @description From the commit that its work started from to the one it ended in. While it runs: to what its worker has seen in its checkout, with what is in no commit yet, or to the commit pushed last where that is newer. Where the server keeps no repositories, or has not fetched this one yet, the answer is 503.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["executionsDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions/{id}/finish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End an execution
         * @description Saying the same again is answered like the first time.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        post: operations["reportsFinish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the log of an execution
         * @description Ask again with `after` set to `next_after` until `complete`, to follow it.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["executionsLogs"];
        put?: never;
        /**
         * Send log entries
         * @description Entries already stored are passed over, so a batch may be sent again; a gap is refused.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        post: operations["reportsLogs"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions/{id}/logs/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow the log of an execution, as server-sent events
         * @description What is stored comes first, then what is said from now on; `end` follows when the execution has ended and all was sent, at once for one that is finished.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["logStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/executions/{id}/progress": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say how far an execution has come, what it used so far, and where it could go on
         * @description Over the budget of its task the answer lists it in `cancel`; whatever is then reported but `completed` ends it as failed with the reason `policy`.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        post: operations["reportsProgress"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fleet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell whether the fleet of the organization is paused
         * @description Needs the permission `workers.read`.
         */
        get: operations["fleetGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fleet/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pause the fleet of the organization
         * @description No task of the organization is given to any worker, be it its own or one of the instance, until the fleet is resumed. What runs goes on, unless it is to be cancelled; tasks may still be begun by hand. A second pause takes the place of the first.
         *
         *     Needs the permission `workers.manage`.
         */
        post: operations["fleetPause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/fleet/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume the fleet of the organization
         * @description Needs the permission `workers.manage`.
         */
        post: operations["fleetResume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * State of the process, the database and its pool
         * @description Answers within two seconds, 503 when the database is down.
         *
         *     Open to everybody.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the process is alive
         * @description It asks nothing else, so that a platform does not restart it for its database.
         *
         *     Open to everybody.
         */
        get: operations["healthLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether requests should be sent here: after the migrations, with the database in reach, and not while stopping
         * @description Open to everybody.
         */
        get: operations["healthReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the invitations that wait for the caller, by the GitHub login they have now, newest first
         * @description Needs a caller who is signed in.
         */
        get: operations["invitationsListOwn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/{id}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accept an invitation
         * @description The token goes on acting where it did; `POST /auth/switch-organization` leads into the new organization.
         *
         *     Needs a caller who is signed in.
         */
        post: operations["invitationsAccept"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/invitations/{id}/decline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decline an invitation
         * @description Needs a caller who is signed in.
         */
        post: operations["invitationsDecline"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the provider limits that hold, newest first
         * @description Until then nothing is started of the launcher they name.
         *
         *     Needs the permission `agents.read`.
         */
        get: operations["providerLimitsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/limits/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Lift a provider limit, because the account has more again
         * @description The launcher is started again at once.
         *
         *     Needs the permission `agents.manage`.
         */
        delete: operations["providerLimitsLift"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List commits as log entries, newest first
         * @description Commits of all branches, those that workers pushed included. A filter that matches little may answer a short page with a `next_cursor`: go on with it. Of several repositories, those that cannot be read, that were never fetched, or that there was no time for are named under `unread`. Of the one that was asked for, and where none can be read, a failure of Git is an error with its cause, never an empty list.
         *
         *     Needs the permission `repositories.read`.
         */
        get: operations["logsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the organizations the caller belongs to, newest first
         * @description Needs the permission `organizations.read`.
         */
        get: operations["organizationsList"];
        put?: never;
        /**
         * Make an organization
         * @description The caller becomes its owner. Their token goes on acting where it did; `POST /auth/switch-organization` leads into the new one.
         *
         *     Needs a caller who is signed in.
         */
        post: operations["organizationsCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an organization the caller belongs to
         * @description Needs the permission `organizations.read`.
         */
        get: operations["organizationsGet"];
        put?: never;
        post?: never;
        /**
         * Delete the organization with everything that belongs to it
         * @description Only an owner may, and only while nothing of it runs. Repositories go with their mirrors, and with them what workers pushed. Keys and tokens of its workers are refused from then on; sessions that acted in it go on in the personal organization of their person, with the next refresh. Entries of logs, which nobody can read any more, leave the database within minutes. A long history can take longer than an answer may: then the answer is 503, and the deletion goes on all the same.
         *
         *     Needs the permission `organizations.manage`.
         */
        delete: operations["organizationsDelete"];
        options?: never;
        head?: never;
        /**
         * Rename the organization
         * @description Needs the permission `organizations.manage`.
         */
        patch: operations["organizationsRename"];
        trace?: never;
    };
    "/api/v1/organizations/{id}/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the invitations of the organization, newest first
         * @description Needs the permission `members.manage`.
         */
        get: operations["invitationsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{id}/invitations/{invitation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an invitation that waits for its answer
         * @description Needs the permission `members.manage`.
         */
        delete: operations["invitationsRevoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{id}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the members of the organization, newest first
         * @description Needs the permission `organizations.read`.
         */
        get: operations["membersList"];
        put?: never;
        /**
         * Invite somebody by their GitHub login
         * @description They have seven days to accept; one that has expired is replaced. Nobody can be invited into a personal organization, and only owners invite owners.
         *
         *     Needs the permission `members.manage`.
         */
        post: operations["invitationsInvite"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/organizations/{id}/members/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove a member, or leave
         * @description Everybody may leave, by their own id; to remove others takes the permission `members.manage`, and to remove an owner takes an owner. The last owner cannot leave. Acts on the person's next request: their sessions that acted here go on in their personal organization, with the next refresh.
         *
         *     Needs a caller who is signed in.
         */
        delete: operations["membersRemove"];
        options?: never;
        head?: never;
        /**
         * Change the role of a member
         * @description Acts on the member's next request. Only owners make and demote owners; the last owner stays one.
         *
         *     Needs the permission `members.manage`.
         */
        patch: operations["membersChangeRole"];
        trace?: never;
    };
    "/api/v1/organizations/{id}/transfer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Transfer the ownership to another member
         * @description In one step the member becomes an owner and the caller, who must be one, an admin.
         *
         *     Needs the permission `organizations.manage`.
         */
        post: operations["membersTransfer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the repositories of the organization, newest first
         * @description Needs the permission `repositories.read`.
         */
        get: operations["repositoriesList"];
        put?: never;
        /**
         * Register a Git repository
         * @description The server makes a mirror of it, which workers check out from and push to. A local one is mostly ready in the answer; others are fetched in the background: watch `status` and `last_error`.
         *
         *     Needs the permission `repositories.write`.
         */
        post: operations["repositoriesRegister"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a repository
         * @description Needs the permission `repositories.read`.
         */
        get: operations["repositoriesGet"];
        put?: never;
        post?: never;
        /**
         * Delete a repository and its mirror
         * @description What would be lost is named, and refused: tasks of it, and branches that workers pushed and nobody has merged. With `force` its tasks are cancelled and deleted with it; while one still runs it is refused again, so ask once more. Only where the mirrors are can it be told what would be lost: elsewhere it is `git/not-here`, unless it was never fetched.
         *
         *     Needs the permission `repositories.manage`.
         */
        delete: operations["repositoriesDelete"];
        options?: never;
        head?: never;
        /**
         * Change the settings of a repository
         * @description Needs the permission `repositories.write`.
         */
        patch: operations["repositoriesUpdate"];
        trace?: never;
    };
    "/api/v1/repositories/{id}/branches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the branches of a repository, by name
         * @description Those that workers pushed included. An empty repository has none; a failure of Git is an error with its cause. How far branches have parted from the default one is waited for only for a moment: `counting` says that it is still being counted, and a later answer has it.
         *
         *     Needs the permission `repositories.read`.
         */
        get: operations["branchesList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/{id}/commits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the commits of a repository, newest first
         * @description A page costs the same wherever it is in the history. A filter that matches little may answer a short page with a `next_cursor`: go on with it. An empty repository has no commits; a failure of Git is an error with its cause.
         *
         *     Needs the permission `repositories.read`.
         */
        get: operations["commitsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/{id}/commits/{sha}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a commit and what it has changed
         * @description The diff is that against the first parent, of a merge too: what it brought to where it was merged into.
         *
         *     Needs the permission `repositories.read`.
         */
        get: operations["commitsGet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/{id}/conflicts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Foretell conflicts between the running executions of a repository
         * @description Each two of them are merged on trial, by what their workers have seen in their checkouts last, also of what is in no commit yet, or by what they pushed last; nothing of that stays in the repository. `seen_at` says how old that is. At most 16 executions are looked at, those first that have most files in common.
         *
         *     Needs the permission `worktrees.read`.
         */
        get: operations["conflictsForetell"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/{id}/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Give a repository credentials for its host, in the place of those it has
         * @description It is fetched with them at once: the answer tells how that went, or after three seconds that it is under way. They are asked for by its host alone and never by the one it redirects to, are kept encrypted, and are answered nowhere.
         *
         *     Needs the permission `repositories.manage`.
         */
        put: operations["repositoriesSetCredentials"];
        post?: never;
        /**
         * Forget the credentials of a repository
         * @description It is fetched without them from now on. What was fetched before stays until the repository is deleted.
         *
         *     Needs the permission `repositories.manage`.
         */
        delete: operations["repositoriesRemoveCredentials"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/repositories/{id}/sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fetch a repository now
         * @description Answers when the fetch is done, or after three seconds with `status` `syncing` while it goes on.
         *
         *     Needs the permission `repositories.write`.
         */
        post: operations["repositoriesSync"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List tasks
         * @description Newest first, or the pending ones in the order of the queue.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["tasksList"];
        put?: never;
        /**
         * Create a task
         * @description It is queued once nothing it depends on is in its way, and given to the first worker that may take it.
         *
         *     Needs the permission `tasks.create`.
         */
        post: operations["tasksCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/actions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel, retry, delete or give another priority to many tasks
         * @description Each is changed or refused by itself, the oldest first; `more` says that there are further ones. To delete needs `tasks.delete` as well.
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["taskBatchesAct"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create up to 1000 tasks together
         * @description All of them or none; `depends_on` may name the `ref` of others of the batch. A fault names its task by its index, such as `tasks[3].name`. Bodies up to 8 MiB.
         *
         *     Needs the permission `tasks.create`.
         */
        post: operations["taskBatchesCreateAll"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count tasks by their status
         * @description The figures are kept with every change, so that asking costs the same whatever they are.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["taskBatchesCount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a task
         * @description Its `ETag` is what `If-Match` takes. With `wait_seconds` the answer comes when the task has come to its end, or when the time is over: 200 with the task either way.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["tasksGet"];
        put?: never;
        post?: never;
        /**
         * Delete a task with its executions and logs
         * @description Refused while it runs, and while tasks that have not begun depend on it. Entries of logs, which nobody can read any more, leave the database within minutes.
         *
         *     Needs the permission `tasks.delete`.
         */
        delete: operations["tasksDelete"];
        options?: never;
        head?: never;
        /**
         * Change a task that is not finished
         * @description Absent fields stay; a status cannot be set.
         *
         *     Needs the permission `tasks.update`.
         */
        patch: operations["tasksUpdate"];
        trace?: never;
    };
    "/api/v1/tasks/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a task
         * @description What waits is cancelled at once (200); what runs is ended by its worker (202).
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["tasksCancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Complete a task that was begun outside of the fleet
         * @description What a worker runs is finished by its worker alone.
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["outsideWorkComplete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/dependencies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tasks a task waits for, or has waited for
         * @description In the order in which their branches are merged; all in one page.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["taskRelationsList"];
        put?: never;
        /**
         * Let a blocked or pending task wait for another one
         * @description The answer is the task that waits. A cycle is refused, and named in `cycle`.
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["taskRelationsAdd"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/dependencies/{depends_on_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Let a blocked or pending task not wait for another one any more
         * @description Needs the permission `tasks.update`.
         */
        delete: operations["taskRelationsRemove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/dependents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tasks that wait for a task, or have waited for it
         * @description The first created one first.
         *
         *     Needs the permission `tasks.read`.
         */
        get: operations["taskRelationsDependents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what has happened to a task, oldest first
         * @description Needs the permission `tasks.read`.
         */
        get: operations["taskRelationsEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/executions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the attempts at a task, newest first
         * @description Needs the permission `tasks.read`.
         */
        get: operations["taskExecutionsList"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explain why a task is not running: every demand that nothing meets, and its place in the queue
         * @description Needs the permission `tasks.read`.
         */
        get: operations["tasksExplain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/fail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fail a task that was begun outside of the fleet
         * @description With retries left it goes back to the queue, for any worker.
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["outsideWorkFail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin a task anew that has failed, was cancelled or skipped
         * @description Its retries count from zero. It is blocked again where a task it depends on has not completed.
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["tasksRetry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tasks/{id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin a pending task outside of the fleet
         * @description No worker gets it; its time limit ends it, unless you complete or fail it before. A cancellation ends it at once.
         *
         *     Needs the permission `tasks.update`.
         */
        post: operations["outsideWorkStart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the workers of the organization and of the instance, the last registered first
         * @description Needs the permission `workers.read`.
         */
        get: operations["workersList"];
        put?: never;
        /**
         * Register a worker
         * @description It gets a token of its own; 200 instead of 201 says that it has come back. A join token registers one too, with the labels it was given, and a worker's own token that worker again: its present token stays good until the new one has come back in the same way, as an answer may get lost. A coordinator's token registers workers of its own.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Needs the permission `workers.register`.
         */
        post: operations["workersRegister"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/join-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List join tokens, newest first
         * @description Those that are used up, expired or taken back stay on the list until 30 days after their expiry.
         *
         *     Needs the permission `workers.register`.
         */
        get: operations["joinTokensList"];
        put?: never;
        /**
         * Make a token with which machines join
         * @description Answers one line to paste into a shell of the other machine. The token registers as many workers of the organization as `uses` says, or as many coordinators, while it lasts and while its maker may let them in; it may do nothing else. Each gets a token of its own, and that of a coordinator registers its workers.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Needs the permission `workers.register`.
         */
        post: operations["joinTokensCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/join-tokens/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Take a join token back
         * @description It is refused from the next request on; workers that have joined stay. Once more changes nothing.
         *
         *     Needs the permission `workers.register`.
         */
        delete: operations["joinTokensRevoke"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count the workers of the organization and of the instance by their health
         * @description Needs the permission `workers.read`.
         */
        get: operations["workersStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a worker
         * @description Needs the permission `workers.read`.
         */
        get: operations["workersGet"];
        put?: never;
        post?: never;
        /**
         * Delete a worker
         * @description Its token is refused from now on, and what it ran is handed back, to be claimed by others at once. Its process ends, and does not register again by itself.
         *
         *     Needs the permission `workers.manage`.
         */
        delete: operations["workerControlsDelete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for work, and wait for it if need be
         * @description Nothing to do is an empty list.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        post: operations["protocolClaim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a worker finish and stop
         * @description It ends what it runs and takes no more; then it is `stopped`, and its process ends. One that runs nothing stops at once. When it is started again it is a worker like any other.
         *
         *     Needs the permission `workers.manage`.
         */
        post: operations["workerControlsDrain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/exchange": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say several things in one request, and ask for work
         * @description Each item succeeds or fails alone, as it would on its own route; when one has failed the claim does not wait.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        post: operations["protocolExchange"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/heartbeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a sign of life
         * @description Renews exactly the executions listed; what is wrong in it is left out, and named in `ignored`.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        post: operations["protocolHeartbeat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pause a worker
         * @description It goes on with what it runs and takes no more, until the time that is given or until it is resumed; a restart does not end that. Workers of the instance are managed by its administrator alone, here and below.
         *
         *     Needs the permission `workers.manage`.
         */
        post: operations["workerControlsPause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume a worker that is paused, or draining and not yet done
         * @description Needs the permission `workers.manage`.
         */
        post: operations["workerControlsResume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/rotate-token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a worker a new token
         * @description The tokens it had stay good for ten minutes, so that it can be told the new one meanwhile.
         *
         *     Answers a secret, and refuses an `Idempotency-Key` (400 `idempotency/refused`).
         *
         *     Needs the permission `workers.manage`.
         */
        post: operations["workerControlsRotateToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/workers/{id}/worktrees": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Tell which checkouts there are
         * @description All of them: what is not listed is gone. Executions of others are passed over.
         *
         *     Needs the token of a worker, which acts for itself alone.
         */
        put: operations["worktreeReportsReplace"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/worktrees": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List worktrees, newest first
         * @description The linked work trees of repositories on the server's disk, as they are at this moment, and the checkouts that workers keep, as these told last. A repository that cannot be read is named under `unread`; the one that was asked for is an error. The 20 newest repositories are visited each time; of others the list has what was known when they last were, and those that a page has nothing of are named under `unread`, too.
         *
         *     Needs the permission `worktrees.read`.
         */
        get: operations["worktreesList"];
        put?: never;
        /**
         * Add a linked work tree to a repository on the server's disk
         * @description The server chooses where, below the directory that the repository lies in. No hook and no filter of the repository runs: files are as they were committed. While many files are being checked out, the worktree is locked.
         *
         *     Needs the permission `worktrees.manage`.
         */
        post: operations["worktreesAdd"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/worktrees/cleanup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Clean up worktrees
         * @description Looks at one page of the list, decides for each worktree whether it may go, says why, and has it go unless it is a dry run. Nothing goes that is locked, in use, used a short while ago, or that holds work which is nowhere else.
         *
         *     Needs the permission `worktrees.manage`.
         */
        post: operations["worktreeRemovalCleanUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/worktrees/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a worktree
         * @description Needs the permission `worktrees.read`.
         */
        get: operations["worktreesGet"];
        put?: never;
        post?: never;
        /**
         * Remove a worktree
         * @description A linked one is gone when this answers 204; its branch stays. A checkout is removed by its worker: 202, until the inventory of that worker lists it no more. What holds work that is nowhere else is refused, naming what would be lost, unless `force` is true; a repository inside of it is such, also where git does not look because a .gitignore says so. A locked one, one in which an execution runs, and one in which another work tree, a registered repository or this server itself lies, or something is mounted, is refused in any case; one in which a process of this machine works, only without `force`.
         *
         *     Needs the permission `worktrees.manage`.
         */
        delete: operations["worktreeRemovalRemove"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/worktrees/{id}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what is committed in a worktree and not in the default branch
         * @description Of a checkout on the disk of a worker: what its execution has pushed, or what its worker saw in it while an agent works, with what is in no commit yet.
         *
         *     Needs the permission `worktrees.read`.
         */
        get: operations["worktreesDiff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures for Prometheus
         * @description Readable from the server's own machine, elsewhere with `Bearer METRICS_TOKEN`.
         *
         *     Open to everybody.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Actor: {
            /**
             * @description What kind of caller it was.
             * @example user
             * @enum {string}
             */
            type: "api_key" | "coordinator" | "execution" | "github" | "system" | "user" | "worker";
            /**
             * @description Id of the user, key, worker, coordinator or execution; null for the system.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            id: string | null;
            /**
             * @description Login of the person, null for programs.
             * @example octocat
             */
            login: string | null;
            /**
             * @description What made the system act, null otherwise.
             * @example retry
             */
            trigger: string | null;
        };
        AddDependency: {
            /**
             * Format: uuid
             * @description Id of the task that has to complete first.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            depends_on_task_id: string;
        };
        AddWorktree: {
            /**
             * Format: uuid
             * @description Repository on the server's disk.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string;
            /**
             * @description Branch to check out: one that is there, or a new one. Without it the work tree is detached.
             * @example feature/issue-42
             */
            branch?: string;
            /**
             * @description Branch, tag or commit that a new branch, or a detached work tree, starts from. Default: the default branch. A branch
             *     that is there stays where it is.
             * @example main
             */
            base_ref?: string;
        };
        Agent: {
            /**
             * @description 3 plans, 4 works.
             * @example 4
             */
            layer: number;
            /**
             * @description What kind of work it is.
             * @example coding
             * @enum {string}
             */
            category: "builtin" | "business" | "coding" | "custom";
            /**
             * @description How it is started; null means by the fleet's default CLI.
             * @example null
             */
            launch: components["schemas"]["Launch"] | null;
            /**
             * @description Seconds after which an attempt is ended when its task does not say.
             * @example 3600
             */
            default_timeout_seconds: number;
            /**
             * @description The most executions of it at a time, null for no limit.
             * @example 4
             */
            max_concurrent: number | null;
            /**
             * @description Id of the agent.
             * @example codegen-agent
             */
            id: string;
            /**
             * @description What tasks name it by.
             * @example codegen
             */
            agent_type: string;
            /**
             * @description Name for people.
             * @example CodeGenAgent
             */
            name: string;
            /**
             * @description What it does.
             * @example Writes the code a task asks for, and the tests that go with it.
             */
            description: string;
            /**
             * @description What it is able to do.
             * @example [
             *       "generation",
             *       "bug fixing",
             *       "refactoring"
             *     ]
             */
            capabilities: string[];
            /**
             * @description Whether its tasks are given to workers.
             * @example true
             */
            enabled: boolean;
            /** @description Its executions in this organization. */
            executions: components["schemas"]["AgentExecutions"];
            /**
             * @description Mean duration of its successful executions in seconds, null while there are none.
             * @example 312.5
             */
            average_duration_seconds: number | null;
        };
        AgentCategory: {
            /**
             * @description How many there are.
             * @example 7
             */
            agents: number;
            /**
             * @description How many of them are switched on.
             * @example 7
             */
            enabled: number;
            /**
             * @description Executions that run now.
             * @example 2
             */
            running: number;
            /**
             * @description Executions that ended with success.
             * @example 40
             */
            completed: number;
            /**
             * @description Executions that ended without success.
             * @example 3
             */
            failed: number;
            /**
             * @description What kind of work it is.
             * @example coding
             * @enum {string}
             */
            category: "business" | "coding" | "custom";
        };
        AgentExecutions: {
            /**
             * @description Running now.
             * @example 2
             */
            running: number;
            /**
             * @description Ended with success.
             * @example 40
             */
            completed: number;
            /**
             * @description Ended without success.
             * @example 3
             */
            failed: number;
        };
        AgentLayer: {
            /**
             * @description How many there are.
             * @example 7
             */
            agents: number;
            /**
             * @description How many of them are switched on.
             * @example 7
             */
            enabled: number;
            /**
             * @description Executions that run now.
             * @example 2
             */
            running: number;
            /**
             * @description Executions that ended with success.
             * @example 40
             */
            completed: number;
            /**
             * @description Executions that ended without success.
             * @example 3
             */
            failed: number;
            /**
             * @description 3 plans, 4 works.
             * @example 4
             */
            layer: number;
        };
        AgentOverview: {
            /**
             * @description How many there are.
             * @example 7
             */
            agents: number;
            /**
             * @description How many of them are switched on.
             * @example 7
             */
            enabled: number;
            /**
             * @description Executions that run now.
             * @example 2
             */
            running: number;
            /**
             * @description Executions that ended with success.
             * @example 40
             */
            completed: number;
            /**
             * @description Executions that ended without success.
             * @example 3
             */
            failed: number;
            /** @description By layer, those that plan first. */
            layers: components["schemas"]["AgentLayer"][];
            /** @description By category. */
            categories: components["schemas"]["AgentCategory"][];
        };
        AgentPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Agent"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        AnswerDevice: {
            /**
             * @description As the device shows it; case, blanks and punctuation do not matter.
             * @example WDJB-MJHT
             */
            user_code: string;
            /**
             * @description False denies the device.
             * @example true
             */
            approve?: boolean;
        };
        ApiKey: {
            /**
             * Format: uuid
             * @description Id of the key; the actor's id in what it does.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description What the key may do, as far as its maker may still do it.
             * @example [
             *       "tasks.read",
             *       "tasks.create"
             *     ]
             */
            permissions: ("agents.execute" | "agents.manage" | "agents.read" | "agents.run_script" | "audit.read" | "coordinators.manage" | "coordinators.read" | "coordinators.register" | "dashboard.read" | "deployments.read" | "deployments.write" | "events.read" | "keys.manage" | "members.manage" | "organizations.manage" | "organizations.read" | "repositories.manage" | "repositories.read" | "repositories.write" | "tasks.create" | "tasks.delete" | "tasks.read" | "tasks.update" | "webhooks.manage" | "webhooks.read" | "workers.manage" | "workers.read" | "workers.register" | "workflows.read" | "workflows.run" | "workflows.write" | "worktrees.manage" | "worktrees.read")[];
            /**
             * @description What the key is for.
             * @example Nightly build
             */
            name: string;
            /**
             * @description The first 8 characters of the key, to recognize it by.
             * @example myk_3q2x
             */
            prefix: string;
            /** @description Who made it; null for a person who is gone. The key works only while they are a member. */
            created_by: components["schemas"]["KeyMaker"] | null;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it stops working; null for never.
             * @example 2027-01-31T12:00:00.000Z
             */
            expires_at: string | null;
            /**
             * Format: date-time
             * @description When it was last used, within a minute; null for never.
             * @example 2026-02-01T12:00:00.000Z
             */
            last_used_at: string | null;
            /**
             * Format: date-time
             * @description When it was revoked; null when it was not.
             * @example 2026-03-01T12:00:00.000Z
             */
            revoked_at: string | null;
        };
        ApiKeyPage: {
            /** @description The items of this page. */
            items: components["schemas"]["ApiKey"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        AuditEntry: {
            /**
             * Format: uuid
             * @description Id of the entry.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description What was done.
             * @example key.created
             * @enum {string}
             */
            action: "agent.changed" | "agent.created" | "auth.device_approved" | "auth.device_denied" | "auth.organization_switched" | "auth.refresh_reused" | "auth.session_revoked" | "auth.sign_in_failed" | "auth.signed_in" | "auth.signed_out" | "coordinator.deleted" | "coordinator.drained" | "coordinator.registered" | "coordinator.updated" | "fleet.paused" | "fleet.resumed" | "invitation.accepted" | "invitation.created" | "invitation.declined" | "invitation.revoked" | "join_token.created" | "join_token.revoked" | "join_token.used" | "key.created" | "key.revoked" | "limit.lifted" | "member.left" | "member.removed" | "member.role_changed" | "organization.created" | "organization.deleted" | "organization.ownership_transferred" | "organization.renamed" | "repository.credentials_removed" | "repository.credentials_set" | "repository.deleted" | "task.deleted" | "worker.deleted" | "worker.drained" | "worker.paused" | "worker.resumed" | "worker.token_rotated" | "worktree.created" | "worktree.removed";
            /**
             * @description Ids of what it is about, by the names of their fields.
             * @example {
             *       "key_id": "019c1234-5678-7abc-8def-0123456789ab"
             *     }
             */
            subject: {
                [key: string]: string;
            };
            /**
             * @description What else is to be said, by action.
             * @example {
             *       "name": "Nightly build"
             *     }
             */
            data: {
                [key: string]: unknown;
            };
            /** @description Who did it. */
            actor: components["schemas"]["Actor"];
            /**
             * @description Address the request came from; null for what the system did by itself.
             * @example 203.0.113.7
             */
            ip: string | null;
            /**
             * @description What the program called itself; null when it did not.
             * @example curl/8.5.0
             */
            user_agent: string | null;
            /**
             * @description `X-Request-Id` of the request, which the server's log has too; null for what the system did by itself.
             * @example 0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f
             */
            request_id: string | null;
            /**
             * Format: date-time
             * @description When it was done.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
        };
        AuditEntryPage: {
            /** @description The items of this page. */
            items: components["schemas"]["AuditEntry"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        BatchedTask: {
            /**
             * @description The whole brief, for the agent. Markdown.
             * @example The settings page gets a switch; the choice is kept for each person.
             */
            description?: string;
            /**
             * @description P0 is served before P1, P1 before P2.
             * @example P1
             * @enum {string}
             */
            priority?: "P0" | "P1" | "P2";
            /**
             * @description Number of the issue it comes from.
             * @example 123
             */
            issue_number?: number;
            /**
             * @description Anything of the caller's own; kept to the letter. A task of the type `script` has its argument list here as `command`.
             * @example {
             *       "command": [
             *         "npm",
             *         "test"
             *       ]
             *     }
             */
            metadata?: {
                [key: string]: unknown;
            };
            /**
             * @description How many further attempts may follow the first; 3 when absent.
             * @example 3
             */
            max_retries?: number;
            /**
             * @description Seconds after which an attempt is ended; when absent what the agent says, 3600 by default.
             * @example 3600
             */
            timeout_seconds?: number;
            /**
             * Format: date-time
             * @description Not to be started before this time; at once when absent.
             * @example 2026-01-31T12:00:00Z
             */
            run_at?: string;
            /**
             * @description Labels a worker must have to get it, `key` or `key=value`.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            required_labels?: string[];
            /**
             * @description Branch, tag or commit to start from; the repository's default branch when absent.
             * @example main
             */
            base_ref?: string;
            /**
             * @description Only one task of the organization with this key is in the queue or runs at a time; the others wait for its end.
             * @example deploy-production
             */
            concurrency_key?: string;
            /**
             * @description Whether the agent works in an isolated checkout; true when absent.
             * @example true
             */
            use_worktree?: boolean;
            /**
             * @description Whether a pull request is opened when it has succeeded; when absent its repository says so, else false.
             * @example false
             */
            auto_pr?: boolean;
            /**
             * @description The most that all attempts together may cost, in US dollars with at most six decimals.
             * @example 2.5
             */
            max_cost_usd?: number;
            /**
             * @description The most tokens that all attempts together may use.
             * @example 500000
             */
            max_tokens?: number;
            /**
             * @description What is to be done, in a line of 1 to 255 characters.
             * @example Add a dark mode
             */
            name: string;
            /**
             * Format: uuid
             * @description Repository to work in. Without one the agent gets an empty Git repository.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            repository_id?: string;
            /**
             * @description Which agent of the catalogue does it; when absent the one its repository names, else `codegen`.
             * @example codegen
             */
            agent_type?: string;
            /**
             * @description What others of the batch call it in their `depends_on`: 1 to 100 characters. It is not kept.
             * @example build
             */
            ref?: string;
            /**
             * @description Tasks it waits for: each the `ref` of another one of the batch, or the id of a task that is there.
             * @example []
             */
            depends_on?: string[];
        };
        BeginDevice: {
            /**
             * @description What the program calls itself; shown to the person who approves, without invisible characters.
             * @example miyabi on build-host-3
             */
            client_name?: string;
        };
        BegunDevice: {
            /**
             * @description Seconds until both codes expire.
             * @example 900
             */
            expires_in: number;
            /**
             * @description Seconds to wait between two questions for the tokens.
             * @example 5
             */
            interval: number;
            /**
             * @description For `POST /auth/device/token`; a secret of the device.
             * @example myd_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
             */
            device_code: string;
            /**
             * @description What the device shows and the person types.
             * @example WDJB-MJHT
             */
            user_code: string;
            /**
             * @description The page on which the person types it.
             * @example https://miyabi.example.org/device
             */
            verification_uri: string;
            /**
             * @description The same page with the code filled in, for a link or a QR code.
             * @example https://miyabi.example.org/device?user_code=WDJB-MJHT
             */
            verification_uri_complete: string;
        };
        Branch: {
            /**
             * @description How many commits it has that the default branch has not; null where there is no default branch, while they are being
             *     counted (`counting`), and when that took more than a minute.
             * @example 2
             */
            ahead: number | null;
            /**
             * @description How many commits the default branch has that it has not; null when `ahead` is.
             * @example 5
             */
            behind: number | null;
            /** @description The execution whose branch it is; null for a branch of the repository's own. */
            owner: components["schemas"]["BranchOwner"] | null;
            /**
             * @description Its name. Git takes any bytes: one that belongs to no character of UTF-8 is written as `\xNN`, and `ref` takes it like
             *     that.
             * @example main
             */
            name: string;
            /**
             * @description Id of the commit it is at.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            head_sha: string;
            /**
             * @description Whether it is the branch that tasks start from.
             * @example true
             */
            is_default: boolean;
            /**
             * @description The first paragraph of the commit's message on one line, at most 1,000 characters.
             * @example feat: sign in with a passkey
             */
            subject: string;
            /**
             * @description Name of the commit's author, as the commit has it; a byte that is no text is told as `\xNN`.
             * @example Ada Lovelace
             */
            author: string;
            /**
             * @description E-mail address of the commit's author, as the commit has it.
             * @example ada@example.com
             */
            author_email: string;
            /**
             * Format: date-time
             * @description When it was committed.
             * @example 2026-01-31T12:00:00.000Z
             */
            committed_at: string;
        };
        BranchOwner: {
            /**
             * Format: uuid
             * @description The execution that pushes or has pushed it.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
            /**
             * Format: uuid
             * @description The task it works for.
             * @example 0192f0c1-2345-7abc-8def-0123456789ae
             */
            task_id: string;
            /**
             * @description How the execution stands.
             * @example completed
             */
            status: string;
        };
        BranchPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Branch"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
            /**
             * @description Whether some of `ahead` and `behind` are null because they are being counted: ask again in a moment.
             * @example false
             */
            counting: boolean;
        };
        CancelTask: {
            /**
             * @description A line for people.
             * @example No longer wanted
             */
            reason?: string;
        };
        Claim: {
            /**
             * @description How many executions to give at the most; 1 when absent.
             * @example 1
             */
            max?: number;
            /**
             * @description How long to wait for work, in seconds; 0 when absent.
             * @example 25
             */
            wait_seconds?: number;
            /**
             * @description A text of the worker's own. The same one again within ten minutes gets what the first still runs.
             * @example 6f1d2c3b4a596877
             */
            request_key?: string;
        };
        ClaimReceipt: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
            /** @description The executions; empty when there is nothing to do. */
            executions: components["schemas"]["ClaimedExecution"][];
        };
        ClaimedAgent: {
            /**
             * @description Id of the agent.
             * @example codegen-agent
             */
            id: string;
            /**
             * @description What tasks name it by.
             * @example codegen
             */
            agent_type: string;
            /**
             * @description Its name for people; commits of its work carry it.
             * @example CodeGenAgent
             */
            name: string;
            /** @description The argument list and what to make of its output. */
            launch: components["schemas"]["Launch"];
        };
        ClaimedExecution: {
            /** @description Its repository, null when it works in an empty one of its own. */
            repository: components["schemas"]["ClaimedRepository"] | null;
            /**
             * @description Where the last attempt that told so could be gone on from, as it told it; null when none has.
             * @example {
             *       "step": 3,
             *       "files_done": [
             *         "a.ts"
             *       ]
             *     }
             */
            checkpoint: {
                [key: string]: unknown;
            } | unknown[] | string | number | boolean | null;
            /**
             * @description The last attempt that left a pushed branch or a session behind, null when there is none.
             * @example null
             */
            previous: components["schemas"]["PreviousAttempt"] | null;
            /**
             * Format: date-time
             * @description When the attempt will be ended.
             * @example 2026-01-31T13:00:00.000Z
             */
            deadline: string;
            /**
             * Format: date-time
             * @description Until when it holds without a heartbeat.
             * @example 2026-01-31T12:01:00.000Z
             */
            lease_expires_at: string;
            /** @description The execution. */
            execution: components["schemas"]["Execution"];
            /** @description Its task. */
            task: components["schemas"]["Task"];
            /**
             * @description Branch, tag or commit to start from, null without a repository.
             * @example main
             */
            base_ref: string | null;
            /**
             * @description Branches to merge into the start first, in this order: those of the dependencies in the same repository, unless the
             *     task says itself where to start.
             * @example []
             */
            merge_refs: string[];
            /**
             * @description Branch to push the work to.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch: string;
            /**
             * @description What to tell the agent.
             * @example Add a dark mode
             */
            prompt: string;
            /** @description How to start the agent. */
            agent: components["schemas"]["ClaimedAgent"];
            /**
             * @description Model that the task wants, as `metadata.model` says; null leaves it to the agent.
             * @example example-model-1
             */
            model: string | null;
        };
        ClaimedRepository: {
            /**
             * Format: uuid
             * @description Id of the repository.
             * @example 0192f0c1-2345-7abc-8def-0123456789ac
             */
            id: string;
            /**
             * @description Owner and name where it has them.
             * @example octocat/hello-world
             */
            full_name: string | null;
            /**
             * @description Address for Git, with the execution's id as user and the worker's token as password.
             * @example http://127.0.0.1:8080/git/0192f0c1-2345-7abc-8def-0123456789ac.git
             */
            clone_url: string;
            /**
             * @description Its default branch.
             * @example main
             */
            default_branch: string;
        };
        CleanUpWorktrees: {
            /**
             * @description Whether to only say what would be done. The decisions are the same.
             * @example true
             */
            dry_run: boolean;
            /**
             * Format: uuid
             * @description Only worktrees of this repository. Without it, as in the list, all of the organization.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id?: string;
            /**
             * @description Seconds in which nothing in a worktree must have changed; of one whose directory is gone, nothing that the repository
             *     keeps about it. Default: a day.
             * @default 86400
             * @example 86400
             */
            unused_for_seconds?: number;
            /**
             * @description How many worktrees to look at.
             * @default 20
             * @example 20
             */
            limit?: number;
            /**
             * @description `next_cursor` of the answer before; absent for the first worktrees.
             * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
             */
            cursor?: string;
        };
        Cleanup: {
            /** @description One for each worktree that was looked at. */
            decisions: components["schemas"]["WorktreeDecision"][];
            /** @description Repositories whose linked work trees could not be looked at, and why. */
            unread: components["schemas"]["UnreadRepository"][];
            /**
             * @description Cursor of the next worktrees; null when these were the last.
             * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
             */
            next_cursor: string | null;
        };
        Commit: {
            /**
             * @description `warn` for reverts, hotfixes and breaking changes, else `info`.
             * @example info
             * @enum {string}
             */
            level: "info" | "warn";
            /**
             * @description From the trailer `Issue:`, else the first `#123`, else `issue-123`; null when nothing tells.
             * @example 42
             */
            issue_number: number | null;
            /** @description How much it has changed; null in a list when counting it would have held up the page: read the commit itself. */
            stats: components["schemas"]["CommitStats"] | null;
            /**
             * @description Id of the commit.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            sha: string;
            /**
             * @description Ids of the commits it follows, the first one being what it was committed on top of; at most 4,096.
             * @example [
             *       "1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345"
             *     ]
             */
            parents: string[];
            /**
             * @description The first paragraph of the message on one line, at most 1,000 characters. Bytes of a message that are no text are
             *     replacement characters (U+FFFD).
             * @example feat: sign in with a passkey
             */
            subject: string;
            /**
             * @description The message without its first paragraph, at most 4,000 characters. Of one commit alone, up to 64 KiB of the message:
             *     of a longer one the first 48 KiB and the last 16 KiB, with a line between them that says how much is missing.
             * @example Issue: #42
             */
            body: string;
            /**
             * @description Whether parts of its message, or parents, are left out here.
             * @example false
             */
            truncated: boolean;
            /** @description Who wrote it. */
            author: components["schemas"]["CommitPerson"];
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2026-01-31T12:00:00.000Z
             */
            authored_at: string;
            /** @description Who committed it. */
            committer: components["schemas"]["CommitPerson"];
            /**
             * Format: date-time
             * @description When it was committed; commits are ordered by this instant, newest first, and of the same second a commit comes
             *     before its parents. Commits may claim any time: what Git takes for an overflow is 1970, and the last one is that of
             *     the year 9999.
             * @example 2026-01-31T12:00:00.000Z
             */
            committed_at: string;
            /**
             * @description From the trailer `Agent-Type:`, else from the conventional type (`feat` and `fix` are codegen, `refactor` and
             *     `chore` refresher), else from words such as "deploy"; null when nothing tells.
             * @example codegen
             */
            agent_type: string | null;
        };
        CommitPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Commit"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        CommitPerson: {
            /**
             * @description Name, as the commit has it: a byte that is no text is told as `\xNN`, a backslash that would look like that as
             *     `\x5c`. Of more than 1,000 characters the first, with an ellipsis.
             * @example Ada Lovelace
             */
            name: string;
            /**
             * @description E-mail address, told as the name is.
             * @example ada@example.com
             */
            email: string;
        };
        CommitStats: {
            /**
             * @description How many files differ.
             * @example 3
             */
            files_changed: number;
            /**
             * @description Lines added.
             * @example 40
             */
            additions: number;
            /**
             * @description Lines deleted.
             * @example 7
             */
            deletions: number;
        };
        ComparedCommit: {
            /**
             * @description The issue it tells of, as in `GET /logs`.
             * @example 42
             */
            issue_number: number | null;
            /**
             * Format: uuid
             * @description The task that its trailer `Task:` names, which anybody may write.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            task_id: string | null;
            /**
             * @description Its id.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            sha: string;
            /**
             * @description The first paragraph of its message on one line, at most 1,000 characters.
             * @example feat: sign in with a passkey
             */
            message: string;
            /**
             * @description Name of the author, as the commit has it.
             * @example Ada Lovelace
             */
            author: string;
            /**
             * Format: date-time
             * @description When it was committed.
             * @example 2026-01-31T12:00:00.000Z
             */
            committed_at: string;
        };
        ComparedTask: {
            /**
             * Format: uuid
             * @description Its id.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description Its issue.
             * @example 42
             */
            issue_number: number | null;
            /**
             * @description What tells that its work is among the new commits: `trailer`, the trailer `Task:` of one of them names it, which anybody
             *     may write; `commit`, one of its executions has left one of them; `branch`, one of them says that it merges the branch of
             *     one of its executions.
             * @example [
             *       "trailer",
             *       "commit"
             *     ]
             */
            found_by: ("branch" | "commit" | "trailer")[];
            /**
             * @description Its name.
             * @example Add a dark mode
             */
            name: string;
            /**
             * @description Its status.
             * @example completed
             */
            status: string;
            /**
             * @description Its agent type.
             * @example codegen
             */
            agent_type: string;
        };
        ComparedVersion: {
            /**
             * @description The tag, or the id of the commit, as it was asked for.
             * @example v1.4.0
             */
            version: string;
            /**
             * @description The commit it leads to.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            commit_sha: string;
        };
        Comparison: {
            /**
             * Format: uuid
             * @description Id of the repository.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string;
            /**
             * @description How many commits `to` has that `from` has not.
             * @example 12
             */
            ahead_by: number;
            /**
             * @description How many commits `from` has that `to` has not: a rollback, or versions of two branches, if it is not 0.
             * @example 0
             */
            behind_by: number;
            /**
             * @description Issues that the new commits tell of, whatever the page.
             * @example [
             *       41,
             *       42
             *     ]
             */
            issues: number[];
            /** @description Tasks whose work is among the new commits, whatever the page. */
            tasks: components["schemas"]["ComparedTask"][];
            /** @description The new commits of this page, newest first. */
            items: components["schemas"]["ComparedCommit"][];
            /** @description The version that is begun at. */
            from: components["schemas"]["ComparedVersion"];
            /** @description The version that is ended at. */
            to: components["schemas"]["ComparedVersion"];
            /**
             * @description The last commit that both have; null when they have none.
             * @example 1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345
             */
            merge_base: string | null;
            /**
             * @description Whether all new commits were looked through for issues and tasks, and all tasks are told of; only the newest 5,000
             *     commits are looked through, and 1,000 tasks told of.
             * @example true
             */
            complete: boolean;
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example WyIxNzY5ODYwODAwIiwiOWZjZWIwMmQwYWU1OThlOTVkYzk3MGI3NDc2N2YxOTM3MmQ2MWFmOCJd
             */
            next_cursor: string | null;
        };
        CompleteTask: {
            /**
             * Format: uuid
             * @description The attempt that is meant: `current_execution_id` of the answer to `start`. When another one runs by now, because
             *     this one ran out of time, nothing is changed. Absent means whichever runs.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id?: string;
            /**
             * @description What came of it, for whoever reads the task.
             * @example {
             *       "files_changed": 3
             *     }
             */
            result?: {
                [key: string]: unknown;
            };
        };
        ConflictForecast: {
            /** @description The executions that run, the newest 16. */
            executions: components["schemas"]["RunningHead"][];
            /** @description Pairs that would conflict, that have files in common, or that nothing could be found out about. */
            pairs: components["schemas"]["ConflictPair"][];
            /**
             * @description How many other pairs there are, which have nothing to do with each other.
             * @example 2
             */
            clean_pairs: number;
            /**
             * @description Whether more of them run than were looked at.
             * @example false
             */
            truncated: boolean;
        };
        ConflictPair: {
            /**
             * @description The two executions.
             * @example [
             *       "0192f0c1-2345-7abc-8def-0123456789ad",
             *       "0192f0c1-2345-7abc-8def-0123456789ae"
             *     ]
             */
            execution_ids: string[];
            /**
             * @description What git would say to a merge of both. `unrelated`: they share no history. `unknown`: there was no time to find out.
             * @example conflict
             * @enum {string}
             */
            verdict: "clean" | "conflict" | "unknown" | "unrelated";
            /**
             * @description How many files would conflict.
             * @example 1
             */
            conflict_count: number;
            /**
             * @description How many files both have changed.
             * @example 1
             */
            common_count: number;
            /**
             * @description Files that would conflict, the first 20.
             * @example [
             *       "src/sign-in.ts"
             *     ]
             */
            conflicts: string[];
            /**
             * @description Files that both have changed, the first 20; also where git could merge them, people should look.
             * @example [
             *       "src/sign-in.ts"
             *     ]
             */
            paths_in_common: string[];
        };
        Coordinator: {
            /**
             * Format: uuid
             * @description Id of the coordinator.
             * @example 0192f0c1-2345-7abc-8def-0123456789af
             */
            id: string;
            /**
             * @description Whom it serves: its organization, or every one.
             * @example organization
             * @enum {string}
             */
            scope: "instance" | "organization";
            /**
             * @description What it is to be: `draining` takes no more work and ends with its workers, `stopped` has.
             * @example active
             * @enum {string}
             */
            status: "active" | "draining" | "stopped";
            /**
             * @description Whether it can be counted upon, from the time of its last contact.
             * @example healthy
             * @enum {string}
             */
            health: "degraded" | "healthy" | "unhealthy" | "unknown";
            /**
             * @description How many executions its host runs at a time, over all workers; null when nobody has said.
             * @example 8
             */
            capacity: number | null;
            /**
             * @description Executions its workers run now.
             * @example 3
             */
            active_tasks: number;
            /**
             * @description Executions its workers ended with success.
             * @example 40
             */
            completed_tasks: number;
            /**
             * @description Executions its workers ended without success.
             * @example 3
             */
            failed_tasks: number;
            /** @description Usage of its host as it last reported, null when it did not. */
            metrics: components["schemas"]["CoordinatorMetrics"] | null;
            /**
             * Format: date-time
             * @description When it was last in contact.
             * @example 2026-01-31T12:00:00.000Z
             */
            last_heartbeat: string | null;
            /**
             * Format: date-time
             * @description When it last registered.
             * @example 2026-01-31T12:00:00.000Z
             */
            registered_at: string;
            /**
             * @description Its name, unique among the coordinators of its scope.
             * @example build-7
             */
            name: string;
            /**
             * @description The host whose workers it supervises, as it said.
             * @example build-7.example.org
             */
            host: string;
            /**
             * @description Labels of its host, for people: what tasks require is what workers have.
             * @example [
             *       "region=eu"
             *     ]
             */
            labels: string[];
            /** @description Its workers. */
            workers: components["schemas"]["CoordinatorWorkers"];
            /**
             * @description What somebody noted about its status.
             * @example Moving to another host
             */
            note: string | null;
        };
        CoordinatorHeartbeat: {
            /** @description Usage of its host. */
            metrics?: components["schemas"]["CoordinatorMetrics"];
        };
        CoordinatorMetrics: {
            /**
             * @description Percent of its processors in use.
             * @example 35.5
             */
            cpu_usage?: number;
            /**
             * @description Percent of its memory in use.
             * @example 60
             */
            memory_usage?: number;
            /**
             * @description Percent of the disk of its directory in use.
             * @example 71.2
             */
            disk_usage?: number;
            /**
             * @description Seconds since its process was started.
             * @example 86400
             */
            uptime_seconds?: number;
            /**
             * @description Milliseconds that its heartbeat before took to be answered.
             * @example 12.5
             */
            network_latency_ms?: number;
        };
        CoordinatorPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Coordinator"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        CoordinatorReceipt: {
            /**
             * Format: date-time
             * @description Time of the server.
             * @example 2026-01-31T12:00:00.000Z
             */
            server_time: string;
            /**
             * @description What it is to be: `draining` starts no worker any more and ends with those it has, `stopped` ends.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "stopped";
            /**
             * @description When to send the next one, in seconds.
             * @example 15
             */
            next_heartbeat_seconds: number;
            /**
             * @description What somebody noted about that.
             * @example Moving to another host
             */
            note: string | null;
        };
        CoordinatorRegistration: {
            /** @description The coordinator. */
            coordinator: components["schemas"]["Coordinator"];
            /**
             * @description Its token. It is shown this once. Those the coordinator had are refused from now on, but for the one that it has come
             *     back with, which is good until it comes back with this one.
             * @example myc_0123456789ABCDEFGHIJabcdefghij0123456789abcdef
             */
            token: string;
            /**
             * @description Send a heartbeat this often, in seconds, a little sooner or later.
             * @example 15
             */
            heartbeat_seconds: number;
        };
        CoordinatorSample: {
            /**
             * Format: date-time
             * @description When it was received.
             * @example 2026-01-31T12:00:00.000Z
             */
            recorded_at: string;
            /**
             * @description Percent of its processors in use, null when it did not say; so below.
             * @example 35.5
             */
            cpu_usage: number | null;
            /**
             * @description Percent of its memory in use.
             * @example 60
             */
            memory_usage: number | null;
            /**
             * @description Percent of the disk of its directory in use.
             * @example 71.2
             */
            disk_usage: number | null;
            /**
             * @description Milliseconds that its heartbeat before took to be answered.
             * @example 12.5
             */
            network_latency_ms: number | null;
            /**
             * @description Seconds since its process was started.
             * @example 86400
             */
            uptime_seconds: number | null;
        };
        CoordinatorSamplePage: {
            /** @description The items of this page. */
            items: components["schemas"]["CoordinatorSample"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        CoordinatorWorkers: {
            /**
             * @description All that belong to it.
             * @example 4
             */
            total: number;
            /**
             * @description Those that take work: neither paused nor draining nor stopped.
             * @example 4
             */
            active: number;
            /**
             * @description Those that are healthy.
             * @example 3
             */
            healthy: number;
        };
        CreateAgent: {
            /**
             * @description Whether its tasks are given to workers.
             * @example true
             */
            enabled?: boolean;
            /** @description How it is started; null for what the catalogue says, or for the fleet's default CLI. */
            launch?: components["schemas"]["LaunchInput"] | null;
            /**
             * @description Seconds after which an attempt is ended when its task does not say; null for what the catalogue says.
             * @example 3600
             */
            default_timeout_seconds?: number | null;
            /**
             * @description The most executions of it that the fleet runs at a time, null for no limit.
             * @example 4
             */
            max_concurrent?: number | null;
            /**
             * @description What tasks name it by: small letters, digits and dashes. Its id is this with `-agent` behind it.
             * @example release-notes
             */
            agent_type: string;
            /**
             * @description Name for people.
             * @example ReleaseNotesAgent
             */
            name: string;
            /**
             * @description What it does.
             * @example Writes release notes from merged pull requests.
             */
            description: string;
            /**
             * @description What kind of work it is; `custom` when absent.
             * @example custom
             * @enum {string}
             */
            category?: "business" | "coding" | "custom";
            /**
             * @description What it is able to do.
             * @example [
             *       "changelogs",
             *       "summaries"
             *     ]
             */
            capabilities?: string[];
        };
        CreateApiKey: {
            /**
             * @description What the key is for, in 1 to 100 characters.
             * @example Nightly build
             */
            name: string;
            /**
             * @description What the key may do, as `resource.action`: some of what its maker may do.
             * @example [
             *       "tasks.read",
             *       "tasks.create"
             *     ]
             */
            permissions: ("agents.execute" | "agents.manage" | "agents.read" | "agents.run_script" | "audit.read" | "coordinators.manage" | "coordinators.read" | "coordinators.register" | "dashboard.read" | "deployments.read" | "deployments.write" | "events.read" | "keys.manage" | "members.manage" | "organizations.manage" | "organizations.read" | "repositories.manage" | "repositories.read" | "repositories.write" | "tasks.create" | "tasks.delete" | "tasks.read" | "tasks.update" | "webhooks.manage" | "webhooks.read" | "workers.manage" | "workers.read" | "workers.register" | "workflows.read" | "workflows.run" | "workflows.write" | "worktrees.manage" | "worktrees.read")[];
            /**
             * Format: date-time
             * @description When it stops working, at most 10 years from now; never when absent.
             * @example 2027-01-31T12:00:00Z
             */
            expires_at?: string;
        };
        CreateJoinToken: {
            /**
             * @description Life of the token in seconds, from a minute to a day; an hour when absent.
             * @example 3600
             */
            expires_in?: number;
            /**
             * @description What joins with it: a `worker`, which it is when absent, or a `coordinator`, which keeps several workers of its own
             *     running and registers them. The latter needs the permission `coordinators.register` as well.
             * @example worker
             * @enum {string}
             */
            joins?: "coordinator" | "worker";
            /**
             * @description How many workers the line to paste has a coordinator run; absent leaves it to the machine, whose default is 2.
             * @example 4
             */
            workers?: number;
            /**
             * @description How many may join with it; 1 when absent. The workers of a coordinator are not counted.
             * @example 1
             */
            uses?: number;
            /**
             * @description Labels that each of these workers has, or each worker of these coordinators, beside those it says of itself.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            labels?: string[];
        };
        CreateOrganization: {
            /**
             * @description Name as shown to others; several organizations may have the same.
             * @example Analytical Engines
             */
            name: string;
        };
        CreateTask: {
            /**
             * @description The whole brief, for the agent. Markdown.
             * @example The settings page gets a switch; the choice is kept for each person.
             */
            description?: string;
            /**
             * @description P0 is served before P1, P1 before P2.
             * @example P1
             * @enum {string}
             */
            priority?: "P0" | "P1" | "P2";
            /**
             * @description Number of the issue it comes from.
             * @example 123
             */
            issue_number?: number;
            /**
             * @description Anything of the caller's own; kept to the letter. A task of the type `script` has its argument list here as `command`.
             * @example {
             *       "command": [
             *         "npm",
             *         "test"
             *       ]
             *     }
             */
            metadata?: {
                [key: string]: unknown;
            };
            /**
             * @description How many further attempts may follow the first; 3 when absent.
             * @example 3
             */
            max_retries?: number;
            /**
             * @description Seconds after which an attempt is ended; when absent what the agent says, 3600 by default.
             * @example 3600
             */
            timeout_seconds?: number;
            /**
             * Format: date-time
             * @description Not to be started before this time; at once when absent.
             * @example 2026-01-31T12:00:00Z
             */
            run_at?: string;
            /**
             * @description Labels a worker must have to get it, `key` or `key=value`.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            required_labels?: string[];
            /**
             * @description Branch, tag or commit to start from; the repository's default branch when absent.
             * @example main
             */
            base_ref?: string;
            /**
             * @description Only one task of the organization with this key is in the queue or runs at a time; the others wait for its end.
             * @example deploy-production
             */
            concurrency_key?: string;
            /**
             * @description Whether the agent works in an isolated checkout; true when absent.
             * @example true
             */
            use_worktree?: boolean;
            /**
             * @description Whether a pull request is opened when it has succeeded; when absent its repository says so, else false.
             * @example false
             */
            auto_pr?: boolean;
            /**
             * @description The most that all attempts together may cost, in US dollars with at most six decimals.
             * @example 2.5
             */
            max_cost_usd?: number;
            /**
             * @description The most tokens that all attempts together may use.
             * @example 500000
             */
            max_tokens?: number;
            /**
             * @description What is to be done, in a line of 1 to 255 characters.
             * @example Add a dark mode
             */
            name: string;
            /**
             * Format: uuid
             * @description Repository to work in. Without one the agent gets an empty Git repository.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            repository_id?: string;
            /**
             * @description Which agent of the catalogue does it; when absent the one its repository names, else `codegen`.
             * @example codegen
             */
            agent_type?: string;
            /**
             * @description Tasks it waits for: it starts when all of them have completed, and is skipped when one ends otherwise.
             * @example []
             */
            depends_on?: string[];
        };
        CreateTasks: {
            /** @description The tasks, 1 to 1000. They are created in this order. */
            tasks: components["schemas"]["BatchedTask"][];
        };
        CreatedApiKey: {
            /** @description The key, as lists show it from now on. */
            api_key: components["schemas"]["ApiKey"];
            /**
             * @description The whole key, for the header `Authorization: Bearer`. It is shown this once and is not kept.
             * @example myk_3q2x7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0s9Fq1
             */
            secret: string;
        };
        CreatedJoinToken: {
            /**
             * Format: uuid
             * @description Id of the token, to take it back by.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description What joins with it.
             * @example worker
             * @enum {string}
             */
            joins: "coordinator" | "worker";
            /**
             * @description How many may join with it.
             * @example 1
             */
            uses_left: number;
            /**
             * @description The whole token, for the header `Authorization: Bearer` of `POST /workers`, or of
             *     `POST /coordinators`. It is shown this once and is not kept.
             * @example myj_3q2x7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0s9Fq1
             */
            token: string;
            /**
             * @description What to paste into a shell of the machine that is to join.
             * @example curl -fsSL https://miyabi.example.org/join.sh | MIYABI_JOIN_TOKEN=myj_3q2x7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0s9Fq1 sh
             */
            command: string;
            /**
             * Format: date-time
             * @description When it stops working.
             * @example 2026-01-31T13:00:00.000Z
             */
            expires_at: string;
            /**
             * @description Labels that the workers get.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            labels: string[];
        };
        CreatedTasks: {
            /** @description The tasks, in the order of the request. */
            items: components["schemas"]["Task"][];
        };
        Credentials: {
            /**
             * @description User name for the host, without a colon. Default: `x-access-token`, which hosts take that look at the token alone.
             * @example x-access-token
             */
            username?: string;
            /**
             * @description Password, or a token for reading: at GitHub a fine-grained one with the permission *Contents: read*.
             * @example github_pat_11AAAAAAA0example
             */
            password: string;
        };
        DatabaseHealth: {
            /**
             * @description Whether PostgreSQL answers.
             * @example connected
             * @enum {string}
             */
            status: "connected" | "unreachable";
            /**
             * @description Connections of the pool that serve a request now.
             * @example 1
             */
            active_connections: number;
            /**
             * @description Connections of the pool that are open and free.
             * @example 4
             */
            idle_connections: number;
            /**
             * @description The most connections the pool opens.
             * @example 100
             */
            max_connections: number;
            /**
             * @description Requests that wait for a connection.
             * @example 0
             */
            waiting: number;
            /**
             * @description Milliseconds the database took to answer a question; null when it did not answer.
             * @example 1.2
             */
            latency_ms: number | null;
        };
        Deployment: {
            /**
             * Format: uuid
             * @description Its id. A tag that nobody has recorded has one too, which stays the same until the tag is moved, and is that of its
             *     first record.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * Format: uuid
             * @description Id of the repository.
             * @example 019c1234-5678-7abc-8def-0123456789ac
             */
            repository_id: string;
            /**
             * @description How far it is. `recorded`: it exists, and nobody has told that it was deployed.
             * @example success
             * @enum {string}
             */
            status: "failed" | "in_progress" | "recorded" | "rolled_back" | "success";
            /**
             * @description Who knows of it: the repository alone (`tag`), somebody who told this server (`api`), or GitHub.
             * @example api
             * @enum {string}
             */
            source: "api" | "github" | "tag";
            /** @description Who recorded it here, or promoted it to where it is; null for a tag alone. */
            actor: components["schemas"]["Actor"] | null;
            /**
             * @description Number of the pull request that it is from.
             * @example 42
             */
            pull_request_number: number | null;
            /**
             * Format: uuid
             * @description Id of the deployment that has stayed in the environment which this one was promoted from; null when there is none,
             *     as nothing was promoted, or it had not succeeded there.
             * @example 019c1234-5678-7abc-8def-0123456789ad
             */
            promoted_from: string | null;
            /**
             * Format: date-time
             * @description When the version was made, by which lists are ordered: the time of its tag; of a commit without one, when it was
             *     recorded. Null for a tag that tells no time.
             * @example 2026-01-31T12:00:00.000Z
             */
            released_at: string | null;
            /**
             * Format: date-time
             * @description When it was recorded; of a tag alone, when that was made.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string | null;
            /**
             * Format: date-time
             * @description When its record was last changed.
             * @example 2026-01-31T12:10:00.000Z
             */
            updated_at: string | null;
            /**
             * Format: date-time
             * @description When its deployment to this environment began, as this server was told.
             * @example 2026-01-31T12:05:00.000Z
             */
            started_at: string | null;
            /**
             * Format: date-time
             * @description When it succeeded or failed there.
             * @example 2026-01-31T12:10:00.000Z
             */
            completed_at: string | null;
            /**
             * Format: date-time
             * @description When it was rolled back.
             * @example 2026-01-31T14:00:00.000Z
             */
            rolled_back_at: string | null;
            /**
             * @description The tag, or the id of the commit. A byte of a tag's name that is no text is written `\xNN`.
             * @example v1.4.0
             */
            version: string;
            /**
             * @description The commit that is deployed; null for a tag that leads to a file or a folder instead of a commit.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            commit_sha: string | null;
            /**
             * @description Where it is, or is to be. Of a tag that nobody has recorded: `staging` if it has a pre-release suffix (alpha, beta,
             *     rc), else `production`.
             * @example production
             */
            environment: string;
            /**
             * @description Who deployed it, as that was told; of a tag alone, who made it. Lightweight tags do not tell.
             * @example ada
             */
            deployed_by: string | null;
            /**
             * @description What people should know of it.
             * @example Runs the migration of the accounts.
             */
            notes: string | null;
        };
        DeploymentPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Deployment"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
            /** @description Repositories whose tags are, or may be, missing from the page, and why; what was recorded of them is there. */
            unread: components["schemas"]["UnreadRepository"][];
        };
        Device: {
            /**
             * @description Whether it waits, or what was answered; `used` once it has its tokens.
             * @example pending
             * @enum {string}
             */
            status: "approved" | "denied" | "pending" | "used";
            /**
             * @description What the program calls itself. Anybody can call theirs anything.
             * @example miyabi on build-host-3
             */
            client_name: string;
            /**
             * @description Address that it asked from; null when that is not known.
             * @example 203.0.113.7
             */
            ip: string | null;
            /**
             * @description Its `User-Agent`; null when it sent none.
             * @example miyabi/0.1.0
             */
            user_agent: string | null;
            /**
             * Format: date-time
             * @description When it asked.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description Until when it can be approved and get its tokens.
             * @example 2026-01-31T12:15:00.000Z
             */
            expires_at: string;
        };
        DeviceToken: {
            /**
             * @description `device_code` of `POST /auth/device`.
             * @example myd_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
             */
            device_code: string;
            /**
             * @description What RFC 8628 §3.4 has every request say; it may be left out here.
             * @example urn:ietf:params:oauth:grant-type:device_code
             * @enum {string}
             */
            grant_type?: "urn:ietf:params:oauth:grant-type:device_code";
            /**
             * @description Taken for clients that send one (RFC 8628 §3.4), and not looked at: programs need not be registered here.
             * @example miyabi-cli
             */
            client_id?: string;
        };
        Diff: {
            /**
             * @description How many files differ, listed or not.
             * @example 3
             */
            files_changed: number;
            /**
             * @description Lines added, in all files.
             * @example 40
             */
            additions: number;
            /**
             * @description Lines deleted, in all files.
             * @example 7
             */
            deletions: number;
            /**
             * @description Commit that it starts from; null when that is nothing, so that each file is an addition.
             * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
             */
            base_sha: string | null;
            /**
             * @description Commit that it leads to.
             * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
             */
            head_sha: string;
            /**
             * @description Whether files are missing from the list, or lines from their patches: of all files the first 300 are listed, and
             *     their patches take 1 MiB at most. Ask for a `path` to see more of it.
             * @example false
             */
            truncated: boolean;
            /** @description The files by path. */
            files: components["schemas"]["FileDiff"][];
        };
        DrainCoordinator: {
            /**
             * @description For those who see it drain.
             * @example Moving to another host
             */
            note?: string | null;
        };
        DrainWorker: {
            /**
             * @description For those who see it drain.
             * @example Moving to another host
             */
            note?: string | null;
        };
        EnvironmentStatus: {
            /**
             * Format: uuid
             * @description Id of the repository.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string;
            /** @description The last deployment that succeeded there and was not rolled back; null when there is none. */
            current: components["schemas"]["PlacedDeployment"] | null;
            /** @description What is under way there, the newest first; at most 20. */
            in_progress: components["schemas"]["PlacedDeployment"][];
            /**
             * @description The environment.
             * @example production
             */
            environment: string;
        };
        EnvironmentStatusPage: {
            /** @description The items of this page. */
            items: components["schemas"]["EnvironmentStatus"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        Event: {
            /**
             * @description Ids of what it is about.
             * @example {
             *       "task_id": "0192f0c1-2345-7abc-8def-0123456789ab"
             *     }
             */
            subject: {
                [key: string]: string;
            };
            /**
             * @description What else is to be said, by type.
             * @example {
             *       "status": "completed"
             *     }
             */
            data: {
                [key: string]: unknown;
            };
            /**
             * @description Position in the order of events, a decimal number. It only grows for a reader.
             * @example 1025
             */
            id: string;
            /**
             * @description What happened.
             * @example task.completed
             */
            type: string;
            /** @description Who did it. */
            actor: components["schemas"]["Actor"];
            /**
             * @description When it happened.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
        };
        EventPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Event"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        EventsPage: {
            /** @description The events. */
            items: components["schemas"]["Event"][];
            /**
             * @description Position to read on from: `after` of the next question.
             * @example 1025
             */
            next_cursor: string;
        };
        Exchange: {
            /** @description Log entries. Batches of one execution are taken in their order. */
            logs?: components["schemas"]["LogItem"][];
            /** @description How far executions have come. */
            progress?: components["schemas"]["ProgressItem"][];
            /** @description How executions have ended. */
            finish?: components["schemas"]["FinishItem"][];
            /** @description Usage of the machine. What is wrong in it is left out and named in the answer. */
            metrics?: components["schemas"]["Metrics"];
            /** @description A wish for work. It waits only when everything before it was taken: who did something wrong hears of it at once. */
            claim?: components["schemas"]["Claim"];
        };
        ExchangeReceipt: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
            /** @description What came of each batch of log entries. */
            logs: components["schemas"]["LogItemReceipt"][];
            /** @description What came of each report. */
            progress: components["schemas"]["ItemReceipt"][];
            /** @description What came of each end. */
            finish: components["schemas"]["FinishItemReceipt"][];
            /** @description What was given; empty when there is nothing to do, or nothing was asked for. */
            executions: components["schemas"]["ClaimedExecution"][];
            /** @description What was left out of the usage of the machine because it is wrong; absent when nothing was. */
            ignored?: components["schemas"]["Ignored"][];
        };
        ExecuteAgent: {
            /**
             * @description The whole brief, for the agent. Markdown.
             * @example The settings page gets a switch; the choice is kept for each person.
             */
            description?: string;
            /**
             * @description P0 is served before P1, P1 before P2.
             * @example P1
             * @enum {string}
             */
            priority?: "P0" | "P1" | "P2";
            /**
             * @description Number of the issue it comes from.
             * @example 123
             */
            issue_number?: number;
            /**
             * @description Anything of the caller's own; kept to the letter. A task of the type `script` has its argument list here as `command`.
             * @example {
             *       "command": [
             *         "npm",
             *         "test"
             *       ]
             *     }
             */
            metadata?: {
                [key: string]: unknown;
            };
            /**
             * @description How many further attempts may follow the first; 3 when absent.
             * @example 3
             */
            max_retries?: number;
            /**
             * @description Seconds after which an attempt is ended; when absent what the agent says, 3600 by default.
             * @example 3600
             */
            timeout_seconds?: number;
            /**
             * Format: date-time
             * @description Not to be started before this time; at once when absent.
             * @example 2026-01-31T12:00:00Z
             */
            run_at?: string;
            /**
             * @description Labels a worker must have to get it, `key` or `key=value`.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            required_labels?: string[];
            /**
             * @description Branch, tag or commit to start from; the repository's default branch when absent.
             * @example main
             */
            base_ref?: string;
            /**
             * @description Only one task of the organization with this key is in the queue or runs at a time; the others wait for its end.
             * @example deploy-production
             */
            concurrency_key?: string;
            /**
             * @description Whether the agent works in an isolated checkout; true when absent.
             * @example true
             */
            use_worktree?: boolean;
            /**
             * @description Whether a pull request is opened when it has succeeded; when absent its repository says so, else false.
             * @example false
             */
            auto_pr?: boolean;
            /**
             * @description The most that all attempts together may cost, in US dollars with at most six decimals.
             * @example 2.5
             */
            max_cost_usd?: number;
            /**
             * @description The most tokens that all attempts together may use.
             * @example 500000
             */
            max_tokens?: number;
            /**
             * Format: uuid
             * @description Repository to work in.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            repository_id: string;
            /**
             * @description Which agent does it.
             * @example codegen
             */
            agent_type: string;
            /**
             * @description What is to be done, in a line of 1 to 255 characters; when absent the agent and the issue are named.
             * @example Add a dark mode
             */
            name?: string;
            /**
             * @description Tasks it waits for: it starts when all of them have completed, and is skipped when one ends otherwise.
             * @example []
             */
            depends_on?: string[];
            /** @description How it is to be done; the fields of the same names go before it. */
            options?: components["schemas"]["ExecuteOptions"];
        };
        ExecuteOptions: {
            /**
             * @description Whether the agent works in an isolated checkout; true when absent.
             * @example true
             */
            use_worktree?: boolean;
            /**
             * @description Whether a pull request is opened when it has succeeded; when absent its repository says so, else false.
             * @example false
             */
            auto_pr?: boolean;
        };
        Execution: {
            /**
             * Format: uuid
             * @description Id of the execution; every later call of its worker names it.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            id: string;
            /**
             * Format: uuid
             * @description Task it is an attempt at.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            task_id: string;
            /**
             * Format: uuid
             * @description Repository it works in, null for none.
             * @example 0192f0c1-2345-7abc-8def-0123456789ac
             */
            repository_id: string | null;
            /**
             * @description Which attempt it is, from 1.
             * @example 1
             */
            attempt: number;
            /**
             * Format: uuid
             * @description Worker that runs or ran it, null when the task was begun by hand; it stays when that worker is gone.
             * @example 0192f0c1-2345-7abc-8def-0123456789ae
             */
            worker_id: string | null;
            /**
             * Format: uuid
             * @description Coordinator that its worker belonged to when it began, null for none; it stays when that coordinator is gone.
             * @example 0192f0c1-2345-7abc-8def-0123456789b4
             */
            coordinator_id: string | null;
            /**
             * @description Where it is in its life.
             * @example completed
             * @enum {string}
             */
            status: "cancelled" | "completed" | "failed" | "released" | "running";
            /**
             * @description Why it ended without success.
             * @example agent_error
             * @enum {string|null}
             */
            failure_reason: "agent_error" | "agent_missing" | "auth" | "context_overflow" | "disk_full" | "git" | "merge_conflict" | "network" | "policy" | "quota" | "rate_limited" | "stalled" | "timeout" | "unknown" | "worker_lost" | "worktree" | null;
            /**
             * @description Percent done as the worker reported, null when it did not.
             * @example 100
             */
            progress: number | null;
            /**
             * Format: date-time
             * @description When it began.
             * @example 2026-01-31T12:00:00.000Z
             */
            started_at: string;
            /**
             * Format: date-time
             * @description When it ended.
             * @example 2026-01-31T12:05:00.000Z
             */
            finished_at: string | null;
            /**
             * Format: date-time
             * @description Until when it holds without a heartbeat; null when it has ended, or was begun by hand and needs none.
             * @example 2026-01-31T12:00:00.000Z
             */
            lease_expires_at: string | null;
            /**
             * @description Exit code of the agent's process.
             * @example 0
             */
            exit_code: number | null;
            /**
             * @description Number of the pull request that holds its work.
             * @example 17
             */
            pull_request_number: number | null;
            /**
             * @description How good a review found it, from 0 to 100.
             * @example 92
             */
            quality_score: number | null;
            /** @description What it used, so far while it runs; null when its worker has not told. */
            usage: components["schemas"]["Usage"] | null;
            /**
             * @description Log entries stored.
             * @example 42
             */
            log_entries: number;
            /**
             * @description Lines that the worker has left out of the log: beyond a limit, or because there was no time to send them. The log says
             *     where.
             * @example 0
             */
            log_left_out: number;
            /**
             * Format: date-time
             * @description When the log entries left because of their age; null while they are here.
             * @example 2026-04-30T12:00:00.000Z
             */
            logs_removed_at: string | null;
            /**
             * @description What it gave as its result.
             * @example {
             *       "files_changed": 3
             *     }
             */
            result: {
                [key: string]: unknown;
            } | null;
            /**
             * @description Kind of agent that does it.
             * @example codegen
             */
            agent_type: string;
            /**
             * @description Model the agent used, as its worker reported.
             * @example example-model-1
             */
            model: string | null;
            /**
             * @description How the agent is kept from the rest of the machine, as its worker reported: uid, namespace, wrapper or none.
             * @example none
             */
            isolation: string | null;
            /**
             * @description What went wrong, for people.
             * @example The tests failed.
             */
            error_message: string | null;
            /**
             * @description What it is at, in a line.
             * @example Running the tests
             */
            progress_message: string | null;
            /**
             * @description Commit it started from.
             * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
             */
            base_sha: string | null;
            /**
             * @description Branch its work goes to.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch: string;
            /**
             * @description Commit its work ended in, while it runs the one pushed last; null when there is none.
             * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
             */
            commit_sha: string | null;
            /**
             * @description The agent's own session, which a further attempt may go on with.
             * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
             */
            session_id: string | null;
            /**
             * @description Address of that pull request, null when it is not known.
             * @example https://github.com/octocat/hello-world/pull/17
             */
            pull_request_url: string | null;
            /**
             * @description Whether something of the log is missing, or may be: lines were left out, the worker sent more entries than arrived, or
             *     the attempt was ended before its worker said how many there are.
             * @example false
             */
            log_incomplete: boolean;
        };
        ExecutionBeat: {
            /**
             * @description Percent done.
             * @example 40
             */
            progress?: number;
            /**
             * @description What it is at, in a line.
             * @example Running the tests
             */
            message?: string;
            /**
             * @description That the agent has ended: what is left to do is to hand over what it did, for which there are five minutes more than
             *     its time limit.
             * @example false
             */
            agent_ended?: boolean;
            /** @description What this attempt has used so far, in all; it counts against the budget of the task. */
            usage?: components["schemas"]["ReportedUsage"];
            /**
             * Format: uuid
             * @description Id of the execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            id: string;
        };
        ExecutionDiff: {
            /**
             * @description How many files differ, listed or not.
             * @example 3
             */
            files_changed: number;
            /**
             * @description Lines added, in all files.
             * @example 40
             */
            additions: number;
            /**
             * @description Lines deleted, in all files.
             * @example 7
             */
            deletions: number;
            /**
             * Format: uuid
             * @description The execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
            /**
             * @description Where `base_sha` comes from: `execution`, the commit that its work started from; `default_branch`, where its history
             *     left that of the default branch, as long as the former is not known or gone; `nothing`, when they share no history.
             * @example execution
             * @enum {string}
             */
            base_from: "default_branch" | "execution" | "nothing";
            /**
             * @description What is compared: `checkout`, what the worker of a running execution saw last, with what is in no commit yet: `head_sha`
             *     then is no commit of the repository; `push`, the commit that was pushed last.
             * @example push
             * @enum {string}
             */
            seen_in: "checkout" | "push";
            /**
             * Format: date-time
             * @description When that was so; null where it was not noted.
             * @example 2026-01-31T12:10:00.000Z
             */
            seen_at: string | null;
            /**
             * @description Commit that it starts from; null when that is nothing, so that each file is an addition.
             * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
             */
            base_sha: string | null;
            /**
             * @description Commit that it leads to.
             * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
             */
            head_sha: string;
            /**
             * @description Whether files are missing from the list, or lines from their patches: of all files the first 300 are listed, and
             *     their patches take 1 MiB at most. Ask for a `path` to see more of it.
             * @example false
             */
            truncated: boolean;
            /** @description The files by path. */
            files: components["schemas"]["FileDiff"][];
        };
        ExecutionLogEntry: {
            /**
             * @description Its number within the execution, from 0 without gaps.
             * @example 0
             */
            seq: number;
            /**
             * @description How severe it is.
             * @example info
             * @enum {string}
             */
            level: "debug" | "error" | "info" | "warn";
            /**
             * @description Where it came from.
             * @example stdout
             * @enum {string}
             */
            stream: "agent" | "stderr" | "stdout" | "system";
            /**
             * Format: date-time
             * @description When it was said, by the worker's clock, or else when it arrived.
             * @example 2026-01-31T12:00:01.000Z
             */
            logged_at: string;
            /**
             * @description The line, without its end.
             * @example All 12 tests passed.
             */
            message: string;
        };
        ExecutionPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Execution"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        ExplainReason: {
            /**
             * @description Stable name of the reason. `cli-missing` and `cli-signed-out` name the command-line agent as `cli`, the latter also some
             *     of the `workers` that have it.
             * @example cli-missing
             * @enum {string}
             */
            code: "agent-disabled" | "agent-limit" | "agent-type-unserved" | "budget" | "cancel-requested" | "cancelled" | "cli-missing" | "cli-signed-out" | "completed" | "dependency-ended" | "dependency-gone" | "dependency-unfinished" | "failed" | "fleet-paused" | "label-missing" | "moving" | "no-live-worker" | "no-worker-fits" | "provider-limit" | "queued" | "repository-limit" | "running" | "scheduled" | "waits-for-key" | "workers-busy" | "workers-paused";
            /**
             * @description The reason for people, with what to do.
             * @example No live worker has claude. Install it with npm install -g @anthropic-ai/claude-code.
             */
            detail: string;
        };
        Explanation: {
            /**
             * @description Where it is in its life.
             * @example pending
             * @enum {string}
             */
            status: "blocked" | "cancelled" | "completed" | "failed" | "pending" | "running" | "skipped";
            /** @description What keeps it from running, what to mend first coming first; of a finished one how it ended. */
            reasons: components["schemas"]["ExplainReason"][];
            /**
             * @description Its place among the ready tasks of its lane (same repository, agent type and labels), from 1 and counted to 1000;
             *     null unless it may start now. Other lanes take turns with it.
             * @example 1
             */
            queue_position: number | null;
        };
        FailTask: {
            /**
             * Format: uuid
             * @description The attempt that is meant: `current_execution_id` of the answer to `start`. When another one runs by now, because
             *     this one ran out of time, nothing is changed. Absent means whichever runs.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id?: string;
            /**
             * @description What went wrong, for people.
             * @example The tests failed.
             */
            error_message?: string;
            /**
             * @description Why it failed, from the closed list of reasons; one this server does not know becomes `unknown`.
             * @example agent_error
             */
            failure_reason?: string;
            /**
             * @description Whether another attempt may help; by default the reason decides. Workers of the fleet may get it then.
             * @example false
             */
            retryable?: boolean;
        };
        /** @description One fault of the input. */
        FieldFault: {
            /**
             * @description Path of the field, such as `tasks[3].name`.
             * @example name
             */
            field: string;
            /**
             * @description What is wrong with it.
             * @example name must not be blank
             */
            message: string;
        };
        FileDiff: {
            /**
             * @description What has become of it. `type_changed`: a file that is a symbolic link or a submodule now, or the other way round.
             * @example renamed
             * @enum {string}
             */
            status: "added" | "copied" | "deleted" | "modified" | "renamed" | "type_changed";
            /**
             * @description Lines added; null when it is not read as text.
             * @example 12
             */
            additions: number | null;
            /**
             * @description Lines deleted; null when it is not read as text.
             * @example 3
             */
            deletions: number | null;
            /**
             * @description Path of the file; of a deleted one, where it was. A byte that is no text is told as `\xNN`, a backslash that would
             *     look like that as `\x5c`, and `path` takes it like that.
             * @example src/sign-in.ts
             */
            path: string;
            /**
             * @description Where it was before, when it was renamed or copied, else null.
             * @example src/login.ts
             */
            previous_path: string | null;
            /**
             * @description Its mode as Git writes it: `100644` file, `100755` program, `120000` symbolic link, `160000` submodule; null when
             *     it was deleted.
             * @example 100644
             */
            mode: string | null;
            /**
             * @description Its mode before; null when it was added.
             * @example 100644
             */
            previous_mode: string | null;
            /**
             * @description Whether it is not read as text: it is no text, or larger than 8 MiB.
             * @example false
             */
            binary: boolean;
            /**
             * @description What `git apply` takes, headers included, at most 64 KiB; null when it is not read as text, or when there was no
             *     room left in the answer.
             * @example diff --git a/a.txt b/a.txt
             *     index 5626abf..814f4a4 100644
             *     --- a/a.txt
             *     +++ b/a.txt
             *     @@ -1 +1,2 @@
             *      one
             *     +two
             */
            patch: string | null;
            /**
             * @description Whether lines at the end of the patch, or all of it, were left out.
             * @example false
             */
            truncated: boolean;
        };
        Finish: {
            /**
             * @description `released` hands the task back without counting the attempt.
             * @example completed
             * @enum {string}
             */
            outcome: "cancelled" | "completed" | "failed" | "released";
            /**
             * @description What came of it, for whoever reads the task.
             * @example {
             *       "files_changed": 3
             *     }
             */
            result?: {
                [key: string]: unknown;
            };
            /**
             * @description What went wrong, for people.
             * @example The tests failed.
             */
            error_message?: string;
            /**
             * @description Why it failed, from the closed list of reasons; one this server does not know becomes `unknown`.
             * @example agent_error
             */
            failure_reason?: string;
            /**
             * @description Whether another attempt may help; by default the reason decides.
             * @example true
             */
            retryable?: boolean;
            /**
             * @description Seconds to wait before another attempt, at least.
             * @example 60
             */
            retry_after_seconds?: number;
            /**
             * @description Exit code of the agent's process.
             * @example 0
             */
            exit_code?: number;
            /**
             * @description Commit the work started from.
             * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
             */
            base_sha?: string;
            /**
             * @description Branch the work is on, when it is not the one that the claim named.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch?: string;
            /**
             * @description Commit the work ended in; its branch must have been pushed. When absent it is what was pushed last.
             * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
             */
            commit_sha?: string;
            /**
             * @description The agent's own session, which a further attempt may go on with.
             * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
             */
            session_id?: string;
            /**
             * @description Model the agent used.
             * @example example-model-1
             */
            model?: string;
            /**
             * @description Number of the pull request that holds the work.
             * @example 17
             */
            pull_request_number?: number;
            /**
             * @description How good a review found it, from 0 to 100.
             * @example 92
             */
            quality_score?: number;
            /** @description What this attempt used, in all. */
            usage?: components["schemas"]["ReportedUsage"];
            /**
             * @description How many log entries were sent in all.
             * @example 42
             */
            log_entries?: number;
            /**
             * @description How many lines of the log were not sent, as beyond a limit.
             * @example 0
             */
            log_left_out?: number;
        };
        FinishItem: {
            /**
             * @description `released` hands the task back without counting the attempt.
             * @example completed
             * @enum {string}
             */
            outcome: "cancelled" | "completed" | "failed" | "released";
            /**
             * @description What came of it, for whoever reads the task.
             * @example {
             *       "files_changed": 3
             *     }
             */
            result?: {
                [key: string]: unknown;
            };
            /**
             * @description What went wrong, for people.
             * @example The tests failed.
             */
            error_message?: string;
            /**
             * @description Why it failed, from the closed list of reasons; one this server does not know becomes `unknown`.
             * @example agent_error
             */
            failure_reason?: string;
            /**
             * @description Whether another attempt may help; by default the reason decides.
             * @example true
             */
            retryable?: boolean;
            /**
             * @description Seconds to wait before another attempt, at least.
             * @example 60
             */
            retry_after_seconds?: number;
            /**
             * @description Exit code of the agent's process.
             * @example 0
             */
            exit_code?: number;
            /**
             * @description Commit the work started from.
             * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
             */
            base_sha?: string;
            /**
             * @description Branch the work is on, when it is not the one that the claim named.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch?: string;
            /**
             * @description Commit the work ended in; its branch must have been pushed. When absent it is what was pushed last.
             * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
             */
            commit_sha?: string;
            /**
             * @description The agent's own session, which a further attempt may go on with.
             * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
             */
            session_id?: string;
            /**
             * @description Model the agent used.
             * @example example-model-1
             */
            model?: string;
            /**
             * @description Number of the pull request that holds the work.
             * @example 17
             */
            pull_request_number?: number;
            /**
             * @description How good a review found it, from 0 to 100.
             * @example 92
             */
            quality_score?: number;
            /** @description What this attempt used, in all. */
            usage?: components["schemas"]["ReportedUsage"];
            /**
             * @description How many log entries were sent in all.
             * @example 42
             */
            log_entries?: number;
            /**
             * @description How many lines of the log were not sent, as beyond a limit.
             * @example 0
             */
            log_left_out?: number;
            /**
             * Format: uuid
             * @description Id of the execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
        };
        FinishItemReceipt: {
            /** @description Why it was not taken; absent when it was. */
            problem?: components["schemas"]["Problem"];
            /**
             * @description What the execution is now.
             * @example completed
             * @enum {string}
             */
            status?: "cancelled" | "completed" | "failed" | "released" | "running";
            /**
             * @description What its task is now.
             * @example completed
             * @enum {string}
             */
            task_status?: "blocked" | "cancelled" | "completed" | "failed" | "pending" | "running" | "skipped";
            /**
             * @description Id of the execution, as it was sent; null when none was.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string | null;
        };
        FinishReceipt: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
            /** @description The execution, ended. */
            execution: components["schemas"]["Execution"];
            /** @description The task: finished, or waiting for another attempt. */
            task: components["schemas"]["Task"];
        };
        Fleet: {
            /** @description Who paused it, null while it is not. */
            paused_by: components["schemas"]["Actor"] | null;
            /**
             * Format: date-time
             * @description Since when it is paused, null while it is not.
             * @example 2026-01-31T12:00:00.000Z
             */
            paused_at: string | null;
            /**
             * @description Whether it is paused: no task of the organization is given to any worker.
             * @example true
             */
            paused: boolean;
            /**
             * @description What was noted about that.
             * @example The main branch is frozen for the release
             */
            note: string | null;
        };
        FleetPauseReceipt: {
            /** @description Who paused it, null while it is not. */
            paused_by: components["schemas"]["Actor"] | null;
            /**
             * Format: date-time
             * @description Since when it is paused, null while it is not.
             * @example 2026-01-31T12:00:00.000Z
             */
            paused_at: string | null;
            /**
             * @description How many tasks that ran were cancelled, or their workers asked to end them.
             * @example 0
             */
            cancelled: number;
            /**
             * @description Whether more of them run than a request has time for. Ask again.
             * @example false
             */
            more: boolean;
            /**
             * @description Whether it is paused: no task of the organization is given to any worker.
             * @example true
             */
            paused: boolean;
            /**
             * @description What was noted about that.
             * @example The main branch is frozen for the release
             */
            note: string | null;
        };
        Health: {
            /**
             * @description `ok`; `degraded` when requests wait for a connection; `down` when the database is out of reach.
             * @example ok
             * @enum {string}
             */
            status: "degraded" | "down" | "ok";
            /**
             * @description Version of the server.
             * @example 0.1.0
             */
            version: string;
            /**
             * @description Seconds since this process was started.
             * @example 3600
             */
            uptime_seconds: number;
            /** @description The database as this process sees it. */
            database: components["schemas"]["DatabaseHealth"];
        };
        Heartbeat: {
            /** @description Usage of the machine. */
            metrics?: components["schemas"]["Metrics"];
            /** @description Command-line agents it has, when that has changed. When nothing of the list can be read, the one before stays. */
            launchers?: components["schemas"]["Launcher"][];
            /** @description Pauses the worker by its own wish, until somebody resumes it; for one that fails at everything it takes. */
            pause?: components["schemas"]["OwnPause"];
            /**
             * @description The worker ends in order, and this is its last word: it is `stopped` until it registers again, and nobody waits for it or
             *     calls it lost.
             */
            stop?: components["schemas"]["OwnStop"];
            /** @description What it runs. Exactly these leases are renewed. */
            executions?: components["schemas"]["ExecutionBeat"][];
        };
        HeartbeatReceipt: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * Format: date-time
             * @description Time of the server.
             * @example 2026-01-31T12:00:00.000Z
             */
            server_time: string;
            /**
             * @description Send the next one in so many seconds.
             * @example 15
             */
            next_heartbeat_seconds: number;
            /**
             * @description What somebody noted about its status.
             * @example Updating the operating system
             */
            note: string | null;
            /** @description What was left out because it is wrong; absent when nothing was. */
            ignored?: components["schemas"]["Ignored"][];
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
        };
        Ignored: {
            /**
             * @description Id of the execution of which it was said, as it was sent; null for what is said of the worker.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            id: string | null;
            /**
             * @description Which member.
             * @example progress
             */
            field: string;
            /**
             * @description What is wrong with it.
             * @example progress must be a whole number from 0 to 100
             */
            message: string;
        };
        Invitation: {
            /**
             * Format: uuid
             * @description Id of the invitation.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description What they become when they accept.
             * @example member
             * @enum {string}
             */
            role: "admin" | "member" | "owner" | "viewer";
            /**
             * @description `pending` until it is answered, revoked or expired.
             * @example pending
             * @enum {string}
             */
            status: "accepted" | "declined" | "expired" | "pending" | "revoked";
            /** @description The organization. */
            organization: components["schemas"]["InvitingOrganization"];
            /**
             * @description GitHub login of the invited, as it was written.
             * @example ada
             */
            login: string;
            /**
             * @description GitHub login of who invited; null when that was a program.
             * @example grace
             */
            invited_by: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description From when on it cannot be accepted any more: seven days after it was made.
             * @example 2026-02-07T12:00:00.000Z
             */
            expires_at: string;
        };
        InvitationPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Invitation"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        Invite: {
            /**
             * @description GitHub login, compared without regard to case. The person need not have signed in here before.
             * @example ada
             */
            login: string;
            /**
             * @description What they are to be; only owners invite owners.
             * @example member
             * @enum {string}
             */
            role: "admin" | "member" | "owner" | "viewer";
        };
        InvitingOrganization: {
            /**
             * Format: uuid
             * @description Id of the organization.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description Name of the organization.
             * @example Analytical Engines
             */
            name: string;
        };
        ItemReceipt: {
            /** @description Why it was not taken; absent when it was. */
            problem?: components["schemas"]["Problem"];
            /**
             * @description Id of the execution, as it was sent; null when none was.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string | null;
        };
        JoinToken: {
            /**
             * Format: uuid
             * @description Id of the token, to take it back by.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description What joins with it.
             * @example worker
             * @enum {string}
             */
            joins: "coordinator" | "worker";
            /**
             * @description How many more may join with it.
             * @example 1
             */
            uses_left: number;
            /**
             * @description The first 8 characters of the token, to recognize it by.
             * @example myj_3q2x
             */
            prefix: string;
            /**
             * @description Labels that the workers get.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            labels: string[];
            /** @description Who made it; null for a person who is gone. It works only while they may let workers in. */
            created_by: components["schemas"]["KeyMaker"] | null;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it stops working.
             * @example 2026-01-31T13:00:00.000Z
             */
            expires_at: string;
            /**
             * Format: date-time
             * @description When it was last used, within a minute; null for never.
             * @example 2026-01-31T12:05:00.000Z
             */
            last_used_at: string | null;
            /**
             * Format: date-time
             * @description When it was taken back; null when it was not.
             * @example 2026-01-31T12:30:00.000Z
             */
            revoked_at: string | null;
        };
        JoinTokenPage: {
            /** @description The items of this page. */
            items: components["schemas"]["JoinToken"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        KeyMaker: {
            /**
             * Format: uuid
             * @description Id of the person.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description GitHub login of the person.
             * @example ada
             */
            login: string;
        };
        Launch: {
            /**
             * @description `plain`: a program whose output is its log. `stream-json`: one of the known CLIs, which writes its events, a line of
             *     JSON each. `builtin`: done by the worker itself.
             * @example plain
             * @enum {string}
             */
            mode: "builtin" | "plain" | "stream-json";
            /**
             * @description The argument list, with placeholders such as `{{prompt}}` and `{{task.name}}`. An item with `{{model}}` is left out
             *     for a task that wants no certain model.
             * @example [
             *       "claude",
             *       "--print",
             *       "{{prompt}}"
             *     ]
             */
            command: string[];
            /**
             * @description The argument list that goes on with the session of an earlier attempt, `{{previous.session_id}}`; used in place of
             *     `command` where there is one.
             * @example [
             *       "claude",
             *       "--print",
             *       "--resume",
             *       "{{previous.session_id}}",
             *       "{{prompt}}"
             *     ]
             */
            resume?: string[];
        };
        LaunchInput: {
            /**
             * @description The argument list, never a shell line: program first. Placeholders such as `{{prompt}}` and `{{task.name}}` are filled
             *     in, one item staying one item; an item with `{{model}}` is left out for a task that wants no certain model.
             * @example [
             *       "claude",
             *       "--print",
             *       "--output-format",
             *       "stream-json",
             *       "--verbose",
             *       "{{prompt}}"
             *     ]
             */
            command: string[];
            /**
             * @description The argument list that goes on with the session of an earlier attempt, `{{previous.session_id}}`.
             * @example [
             *       "claude",
             *       "--print",
             *       "--output-format",
             *       "stream-json",
             *       "--verbose",
             *       "--resume",
             *       "{{previous.session_id}}",
             *       "{{prompt}}"
             *     ]
             */
            resume?: string[];
            /**
             * @description `plain` for a program whose output is its log, `stream-json` for a known CLI that is told to write its events.
             * @example stream-json
             * @enum {string}
             */
            mode: "plain" | "stream-json";
        };
        Launcher: {
            /**
             * @description Its command.
             * @example claude
             */
            name: string;
            /**
             * @description Its version as it prints it, null when it is not known.
             * @example 2.1.0
             */
            version?: string | null;
            /**
             * @description Whether it is signed in to its account, null when that cannot be told.
             * @example true
             */
            signed_in?: boolean | null;
            /**
             * @description What the fleet calls its account, null or absent for the one that the organization is taken to have. A limit of the
             *     provider stops the launchers with the same account.
             * @example team-a
             */
            account?: string | null;
        };
        LogBatch: {
            /**
             * @description Number of the first entry: `next_offset` of the answer before, 0 at first.
             * @example 0
             */
            offset: number;
            /** @description 1 to 1000 entries. */
            entries: components["schemas"]["NewLogEntry"][];
        };
        LogContext: {
            /**
             * Format: uuid
             * @description Id of the repository the commit is in.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string;
            /**
             * @description Owner and name of the repository where it is on GitHub, else null.
             * @example octocat/hello-world
             */
            full_name: string | null;
            /**
             * @description The message without its first paragraph, at most 4,000 characters.
             * @example Issue: #42
             */
            body: string;
            /**
             * @description Ids of the commits it follows, at most 4,096.
             * @example [
             *       "1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345"
             *     ]
             */
            parents: string[];
            /**
             * @description Whether parts of the message, or parents, are left out here: read the commit itself.
             * @example false
             */
            truncated: boolean;
            /**
             * @description E-mail address of the author, as the commit has it; a byte that is no text is told as `\xNN`.
             * @example ada@example.com
             */
            author_email: string;
            /**
             * Format: date-time
             * @description When it was written; `timestamp` is when it was committed.
             * @example 2026-01-31T12:00:00.000Z
             */
            authored_at: string;
        };
        LogEntry: {
            /**
             * @description `warn` for reverts, hotfixes and breaking changes, else `info`.
             * @example info
             * @enum {string}
             */
            level: "info" | "warn";
            /**
             * @description From the trailer `Issue:`, else the first `#123`, else `issue-123`; null when nothing tells.
             * @example 42
             */
            issue_number: number | null;
            /**
             * @description Id of the entry, which is the commit's.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was committed; entries are ordered by this instant, newest first.
             * @example 2026-01-31T12:00:00.000Z
             */
            timestamp: string;
            /**
             * @description From the trailer `Agent-Type:`, else from the conventional type (`feat` and `fix` are codegen, `refactor` and
             *     `chore` refresher), else from words such as "deploy"; null when nothing tells.
             * @example codegen
             */
            agent_type: string | null;
            /**
             * @description The first paragraph of the message on one line, at most 1,000 characters.
             * @example feat: sign in with a passkey
             */
            message: string;
            /** @description What is known beyond the line. */
            context: components["schemas"]["LogContext"];
            /**
             * @description Id of the commit.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            commit_sha: string;
            /**
             * @description Name of the author, as the commit has it: a byte that is no text is told as `\xNN`, a backslash that would look
             *     like that as `\x5c`. Of more than 1,000 characters the first, with an ellipsis.
             * @example Ada Lovelace
             */
            author: string;
        };
        LogEntryPage: {
            /** @description The items of this page. */
            items: components["schemas"]["LogEntry"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
            /** @description Repositories whose commits are, or may be, missing from the page, and why. */
            unread: components["schemas"]["UnreadRepository"][];
        };
        LogItem: {
            /**
             * @description Number of the first entry: `next_offset` of the answer before, 0 at first.
             * @example 0
             */
            offset: number;
            /**
             * Format: uuid
             * @description Id of the execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
            /** @description 1 to 1000 entries. */
            entries: components["schemas"]["NewLogEntry"][];
        };
        LogItemReceipt: {
            /** @description Why it was not taken; absent when it was. */
            problem?: components["schemas"]["Problem"];
            /**
             * @description Number of the next entry to send; with a problem of a wrong offset, the number that was expected.
             * @example 42
             */
            next_offset?: number;
            /**
             * @description How many entries held NUL or lone surrogates, which were replaced.
             * @example 0
             */
            cleaned?: number;
            /**
             * @description Id of the execution, as it was sent; null when none was.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string | null;
        };
        LogReceipt: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Number of the next entry to send.
             * @example 2
             */
            next_offset: number;
            /**
             * @description Entries of this batch in which something had to be replaced.
             * @example 0
             */
            cleaned: number;
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
        };
        Logout: {
            /**
             * @description Whether to end every session of the person rather than this one.
             * @example false
             */
            everywhere?: boolean;
        };
        LogsPage: {
            /**
             * @description `after` of the next question.
             * @example 41
             */
            next_after: number;
            /** @description The entries. */
            items: components["schemas"]["ExecutionLogEntry"][];
            /**
             * @description Whether the execution has ended and nothing follows.
             * @example true
             */
            complete: boolean;
        };
        Me: {
            /**
             * @description What the person is in that organization.
             * @example owner
             * @enum {string}
             */
            role: "admin" | "member" | "owner" | "viewer";
            /**
             * @description What the role allows, as `resource.action`.
             * @example [
             *       "tasks.read",
             *       "tasks.create"
             *     ]
             */
            permissions: ("agents.execute" | "agents.manage" | "agents.read" | "agents.run_script" | "audit.read" | "coordinators.manage" | "coordinators.read" | "coordinators.register" | "dashboard.read" | "deployments.read" | "deployments.write" | "events.read" | "keys.manage" | "members.manage" | "organizations.manage" | "organizations.read" | "repositories.manage" | "repositories.read" | "repositories.write" | "tasks.create" | "tasks.delete" | "tasks.read" | "tasks.update" | "webhooks.manage" | "webhooks.read" | "workers.manage" | "workers.read" | "workers.register" | "workflows.read" | "workflows.run" | "workflows.write" | "worktrees.manage" | "worktrees.read")[];
            /** @description The person. */
            user: components["schemas"]["User"];
            /**
             * @description Whether the person administers the instance.
             * @example false
             */
            is_administrator: boolean;
            /** @description The organization the access token acts in. */
            organization: components["schemas"]["Organization"];
        };
        Member: {
            /**
             * @description What they are in the organization.
             * @example member
             * @enum {string}
             */
            role: "admin" | "member" | "owner" | "viewer";
            /** @description The person. */
            user: components["schemas"]["MemberUser"];
            /**
             * Format: date-time
             * @description When they joined it.
             * @example 2026-01-31T12:00:00.000Z
             */
            joined_at: string;
        };
        MemberPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Member"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        MemberUser: {
            /**
             * Format: uuid
             * @description Id of the person.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description GitHub login.
             * @example ada
             */
            login: string;
            /**
             * @description Name as shown to others; null when none is known.
             * @example Ada Lovelace
             */
            name: string | null;
            /**
             * @description Address of a picture; null when none is known.
             * @example https://avatars.githubusercontent.com/u/1001
             */
            avatar_url: string | null;
        };
        Membership: {
            /**
             * @description What they are in the organization.
             * @example member
             * @enum {string}
             */
            role: "admin" | "member" | "owner" | "viewer";
            /** @description The person. */
            user: components["schemas"]["MemberUser"];
            /**
             * Format: date-time
             * @description When they joined it.
             * @example 2026-01-31T12:00:00.000Z
             */
            joined_at: string;
            /** @description The organization. */
            organization: components["schemas"]["InvitingOrganization"];
        };
        Metrics: {
            /**
             * @description Percent of its processors in use.
             * @example 35.5
             */
            cpu_usage?: number;
            /**
             * @description Percent of its memory in use.
             * @example 60
             */
            memory_usage?: number;
            /**
             * @description Percent of the disk of its directory in use.
             * @example 71.2
             */
            disk_usage?: number;
            /**
             * @description Seconds since its process was started.
             * @example 86400
             */
            uptime_seconds?: number;
            /**
             * @description Bytes on the disk of its directory that it may still use.
             * @example 120000000000
             */
            disk_free_bytes?: number;
            /**
             * @description Whether that is less than it needs to begin anything: it claims nothing until there is more. `disk.low` tells of it.
             * @example false
             */
            disk_low?: boolean;
        };
        MockLogin: {
            /**
             * @description GitHub id of the person, a number or a string of digits; beyond 2^53 - 1 only the string is exact.
             * @example 1
             */
            github_id: number | string;
            /**
             * Format: email
             * @description E-mail address; the login is made of what stands before the `@`.
             * @example ada@example.com
             */
            email: string;
            /**
             * @description Name as shown to others. Absent, an earlier one is kept.
             * @example Ada Lovelace
             */
            name?: string;
        };
        NewLogEntry: {
            /**
             * @description How severe it is; `info` when absent.
             * @example info
             * @enum {string}
             */
            level?: "debug" | "error" | "info" | "warn";
            /**
             * @description Where it came from; `stdout` when absent.
             * @example stdout
             * @enum {string}
             */
            stream?: "agent" | "stderr" | "stdout" | "system";
            /**
             * @description The line, at most 64 KiB. NUL and lone surrogates are replaced and counted.
             * @example All 12 tests passed.
             */
            message: string;
            /**
             * Format: date-time
             * @description When it was said, by the worker's clock; when it arrived if absent.
             * @example 2026-01-31T12:00:01.000Z
             */
            logged_at?: string;
        };
        Organization: {
            /**
             * Format: uuid
             * @description Id of the organization.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description Name of the organization; a personal one begins with the login of its person.
             * @example ada
             */
            name: string;
            /**
             * @description Whether it was made for one person at their first login.
             * @example true
             */
            personal: boolean;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
        };
        OrganizationPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Organization"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        OwnPause: {
            /**
             * @description For those who see it paused.
             * @example Paused by the worker itself: 3 failures of its own in a row (disk_full, git, git)
             */
            note: string;
        };
        OwnStop: {
            /**
             * @description For those who see it stopped.
             * @example Stopped in order.
             */
            note: string;
        };
        PatchAgent: {
            /**
             * @description Whether its tasks are given to workers.
             * @example true
             */
            enabled?: boolean;
            /** @description How it is started; null for what the catalogue says, or for the fleet's default CLI. */
            launch?: components["schemas"]["LaunchInput"] | null;
            /**
             * @description Seconds after which an attempt is ended when its task does not say; null for what the catalogue says.
             * @example 3600
             */
            default_timeout_seconds?: number | null;
            /**
             * @description The most executions of it that the fleet runs at a time, null for no limit.
             * @example 4
             */
            max_concurrent?: number | null;
            /**
             * @description Name for people; only of an agent of the organization's own.
             * @example ReleaseNotesAgent
             */
            name?: string;
            /**
             * @description What it does; only of an agent of the organization's own.
             * @example Writes release notes from merged pull requests.
             */
            description?: string;
            /**
             * @description What it is able to do; only of an agent of the organization's own.
             * @example [
             *       "changelogs",
             *       "summaries"
             *     ]
             */
            capabilities?: string[];
        };
        PatchTask: {
            /**
             * @description What is to be done, in a line.
             * @example Add a dark mode
             */
            name?: string;
            /**
             * @description The whole brief; null clears it.
             * @example The settings page gets a switch.
             */
            description?: string | null;
            /**
             * @description P0 is served before P1, P1 before P2.
             * @example P0
             * @enum {string}
             */
            priority?: "P0" | "P1" | "P2";
            /**
             * @description Replaces the metadata as a whole.
             * @example {
             *       "team": "web"
             *     }
             */
            metadata?: {
                [key: string]: unknown;
            };
            /**
             * Format: date-time
             * @description Not to be started before this time.
             * @example 2026-01-31T12:00:00Z
             */
            run_at?: string;
            /**
             * @description How many further attempts may follow the first; never below those already made.
             * @example 5
             */
            max_retries?: number;
            /**
             * @description Seconds after which an attempt is ended; for attempts that start after the change.
             * @example 1800
             */
            timeout_seconds?: number;
            /**
             * @description Labels a worker must have to get it.
             * @example [
             *       "gpu"
             *     ]
             */
            required_labels?: string[];
        };
        PauseFleet: {
            /**
             * @description For those who wonder why nothing begins.
             * @example The main branch is frozen for the release
             */
            note?: string | null;
            /**
             * @description Whether what runs is to be cancelled as well; needs `tasks.update`.
             * @example false
             */
            cancel_running?: boolean;
        };
        PauseWorker: {
            /**
             * @description For those who see it paused.
             * @example Updating the operating system
             */
            note?: string | null;
            /**
             * Format: date-time
             * @description It takes work again from then on, within a hundred years; absent or null, when somebody resumes it.
             * @example 2099-01-31T12:00:00Z
             */
            until?: string | null;
        };
        PlacedDeployment: {
            /**
             * Format: uuid
             * @description Id of the deployment.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * Format: date-time
             * @description When that began; null when nobody told.
             * @example 2026-01-31T12:05:00.000Z
             */
            started_at: string | null;
            /**
             * Format: date-time
             * @description When it succeeded; null while it is under way.
             * @example 2026-01-31T12:10:00.000Z
             */
            completed_at: string | null;
            /**
             * @description The tag, or the id of the commit.
             * @example v1.4.0
             */
            version: string;
            /**
             * @description The commit.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            commit_sha: string;
            /**
             * @description Who deployed it there, as that was told.
             * @example ada
             */
            deployed_by: string | null;
            /** @description Who recorded it here, or promoted it there. */
            actor: components["schemas"]["Actor"];
        };
        PreviousAttempt: {
            /**
             * Format: uuid
             * @description Id of that execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789aa
             */
            execution_id: string;
            /** @description What all attempts of that session have used together, for agents that count by session; null when nobody has told. */
            usage: components["schemas"]["Usage"] | null;
            /**
             * @description Its branch, there if it pushed anything.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch: string;
            /**
             * @description Session of its agent, null when it told none.
             * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
             */
            session_id: string | null;
        };
        Probe: {
            /**
             * @description `ok`, or why not.
             * @example ok
             * @enum {string}
             */
            status: "down" | "ok" | "stopping";
        };
        /** @description A refusal (RFC 9457). Some carry further members, which their description names. */
        Problem: {
            /**
             * @description Always `about:blank`: `code` tells refusals apart.
             * @example about:blank
             */
            type: string;
            /**
             * @description The name of the status.
             * @example Conflict
             */
            title: string;
            /**
             * @description The HTTP status.
             * @example 409
             */
            status: number;
            /**
             * @description Stable name of the refusal, for programs.
             * @example task/not-claimable
             */
            code: string;
            /**
             * @description What happened, for people.
             * @example The task is not pending.
             */
            detail?: string;
            /**
             * @description The `X-Request-Id` of the answer, for questions to the operator.
             * @example 0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f
             */
            request_id: string;
            /** @description Each field at fault; only when the input has faults. */
            errors?: components["schemas"]["FieldFault"][];
        } & {
            [key: string]: unknown;
        };
        Progress: {
            /**
             * @description Percent done.
             * @example 40
             */
            progress?: number;
            /**
             * @description What it is at, in a line.
             * @example Running the tests
             */
            message?: string;
            /**
             * @description That the agent has ended: what is left to do is to hand over what it did, for which there are five minutes more than
             *     its time limit.
             * @example false
             */
            agent_ended?: boolean;
            /** @description What this attempt has used so far, in all; it counts against the budget of the task. */
            usage?: components["schemas"]["ReportedUsage"];
            /**
             * @description Where a further attempt could go on: any JSON of at most 256 KiB. The last one is given to the next attempt, should
             *     there be one; `null` says that there is nothing to go on from.
             * @example {
             *       "step": 3,
             *       "files_done": [
             *         "a.ts"
             *       ]
             *     }
             */
            checkpoint?: {
                [key: string]: unknown;
            } | unknown[] | string | number | boolean | null;
            /**
             * @description The agent's own session, which a further attempt may go on with. Told as soon as it is known, it outlives a worker
             *     that is lost; otherwise `finish` takes it.
             * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
             */
            session_id?: string;
        };
        ProgressItem: {
            /**
             * @description Percent done.
             * @example 40
             */
            progress?: number;
            /**
             * @description What it is at, in a line.
             * @example Running the tests
             */
            message?: string;
            /**
             * @description That the agent has ended: what is left to do is to hand over what it did, for which there are five minutes more than
             *     its time limit.
             * @example false
             */
            agent_ended?: boolean;
            /** @description What this attempt has used so far, in all; it counts against the budget of the task. */
            usage?: components["schemas"]["ReportedUsage"];
            /**
             * @description Where a further attempt could go on: any JSON of at most 256 KiB. The last one is given to the next attempt, should
             *     there be one; `null` says that there is nothing to go on from.
             * @example {
             *       "step": 3,
             *       "files_done": [
             *         "a.ts"
             *       ]
             *     }
             */
            checkpoint?: {
                [key: string]: unknown;
            } | unknown[] | string | number | boolean | null;
            /**
             * @description The agent's own session, which a further attempt may go on with. Told as soon as it is known, it outlives a worker
             *     that is lost; otherwise `finish` takes it.
             * @example 5f0c6f2e-8a54-4a43-9b8e-0d3d4f1f7f10
             */
            session_id?: string;
            /**
             * Format: uuid
             * @description Id of the execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
        };
        ProviderLimit: {
            /**
             * Format: uuid
             * @description Id of the limit.
             * @example 0192f0c1-2345-7abc-8def-0123456789ac
             */
            id: string;
            /**
             * @description Its account, as workers name it; null for the one that the organization is taken to have.
             * @example team-a
             */
            account: string | null;
            /**
             * @description `rate_limited`: too much at once. `quota`: what the account may use is used up.
             * @example quota
             * @enum {string}
             */
            reason: "quota" | "rate_limited";
            /**
             * Format: date-time
             * @description Until when it holds, as the provider has told; a minute and more where it has not.
             * @example 2026-01-31T15:00:00.000Z
             */
            until: string;
            /**
             * Format: uuid
             * @description The execution that met it first.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            reported_by: string;
            /**
             * Format: date-time
             * @description When that was.
             * @example 2026-01-31T12:00:00.000Z
             */
            reported_at: string;
            /**
             * @description The command-line agent that is not started until then.
             * @example claude
             */
            launcher: string;
        };
        ProviderLimitPage: {
            /** @description The items of this page. */
            items: components["schemas"]["ProviderLimit"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        RecordDeployment: {
            /**
             * Format: uuid
             * @description The repository of the version.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string;
            /**
             * @description A tag of the repository, or the whole id of a commit.
             * @example v1.4.0
             */
            version: string;
            /**
             * @description Where it goes. Default: `staging` for a version with a pre-release suffix (alpha, beta, rc), else `production`.
             * @example production
             */
            environment?: string;
            /**
             * @description How far it is. Default: `recorded`, which is to say that it has not begun.
             * @example in_progress
             * @enum {string}
             */
            status?: "failed" | "in_progress" | "recorded" | "success";
            /**
             * @description Who deploys it. Default: the login of the caller; for the keys of programs nobody.
             * @example ada
             */
            deployed_by?: string;
            /**
             * @description Number of the pull request that it is from.
             * @example 42
             */
            pull_request_number?: number;
            /**
             * @description What people should know of it.
             * @example Runs the migration of the accounts.
             */
            notes?: string;
        };
        Refresh: {
            /**
             * @description `refresh_token` of the latest sign-in or refresh. Each works once; a second use ends the session. Absent, that of
             *     the cookie is used.
             * @example myr_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
             */
            refresh_token?: string;
        };
        RefusedTask: {
            /**
             * Format: uuid
             * @description Id of the task.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description Why, as the route for one task would answer it.
             * @example task/final
             */
            code: string;
        };
        RegisterCoordinator: {
            /**
             * @description Its name, unique among the coordinators of its scope.
             * @example build-7
             */
            name: string;
            /**
             * @description The host whose workers it supervises.
             * @example build-7.example.org
             */
            host: string;
            /**
             * @description Whom it serves; `instance` needs a key of the instance.
             * @example organization
             * @enum {string}
             */
            scope?: "instance" | "organization";
            /**
             * @description How many executions its host runs at a time, over all workers. Absent or null leaves it as it was.
             * @example 8
             */
            capacity?: number | null;
            /**
             * @description Labels of its host. Absent leaves them as they were.
             * @example [
             *       "region=eu"
             *     ]
             */
            labels?: string[];
            /**
             * @description Takes the place of a live coordinator of this name.
             * @example false
             */
            replace?: boolean;
        };
        RegisterRepository: {
            /**
             * @description Owner and name on GitHub.
             * @example octocat/hello-world
             */
            full_name?: string;
            /**
             * @description An `https://` or `ssh://` address (also `git@host:path`), or a `file://` one below a configured root; never with
             *     credentials in it, which have a field of their own. Private and loopback addresses are refused unless the server is
             *     configured to allow them.
             * @example https://example.com/team/project.git
             */
            clone_url?: string;
            /**
             * @description Absolute path of a work tree or bare repository on the server's host, below a root that
             *     `LOCAL_REPOSITORY_ROOTS` names. It is only read: what workers push is in the server's own mirror.
             * @example /srv/repositories/project
             */
            local_path?: string;
            /**
             * @description Branch that tasks start from. Default: the one a clone of the source would check out, also when that changes.
             * @example main
             */
            default_branch?: string;
            /**
             * @description Whether a pull request is opened when a task has succeeded that does not say it itself; false when absent.
             * @example false
             */
            auto_pr?: boolean;
            /** @description For a private repository at an https address, that of `full_name` included. */
            credentials?: components["schemas"]["Credentials"];
        };
        RegisterWorker: {
            /**
             * @description Its name, unique among the workers of its scope.
             * @example build-7
             */
            name: string;
            /**
             * @description Whom it serves; `instance` needs a key of the instance.
             * @example organization
             * @enum {string}
             */
            scope?: "instance" | "organization";
            /**
             * Format: uuid
             * @description The coordinator that supervises it, of the same scope. The token of a coordinator registers workers of its own without
             *     that, too.
             * @example 0192f0c1-2345-7abc-8def-0123456789af
             */
            coordinator_id?: string | null;
            /**
             * @description Labels it has, `key` or `key=value`.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            labels?: string[];
            /**
             * @description Agent types it takes; null or absent is any.
             * @example [
             *       "codegen",
             *       "review"
             *     ]
             */
            agent_types?: string[] | null;
            /** @description Command-line agents it has; null or absent is taken at its word for any agent. */
            launchers?: components["schemas"]["Launcher"][] | null;
            /**
             * @description How agents are kept from the rest of its machine; `none` when absent.
             * @example none
             * @enum {string}
             */
            isolation?: "namespace" | "none" | "uid" | "wrapper";
            /**
             * @description How many executions it runs at a time; 1 when absent.
             * @example 2
             */
            capacity?: number;
            /**
             * @description Version of its program.
             * @example 0.1.0
             */
            version?: string;
            /**
             * @description Version of the worker protocol it speaks; 1 when absent.
             * @example 1
             */
            protocol?: number;
            /**
             * @description Host it runs on.
             * @example build-7.example.org
             */
            host?: string;
            /**
             * @description Takes the place of a live worker of this name.
             * @example false
             */
            replace?: boolean;
            /**
             * @description Executions it goes on with after it has come back; all others of this name are handed back.
             * @example []
             */
            resume?: string[];
        };
        Registration: {
            /**
             * @description Version of the worker protocol that this server speaks.
             * @example 1
             */
            protocol: number;
            /**
             * @description The oldest version it still serves.
             * @example 1
             */
            min_protocol: number;
            /**
             * @description Log entries to send at once, at the most.
             * @example 500
             */
            log_batch: number;
            /** @description The worker. */
            worker: components["schemas"]["Worker"];
            /**
             * @description Its token. It is shown this once, and bound to this worker alone.
             * @example myw_0123456789ABCDEFGHIJabcdefghij0123456789abcdef
             */
            token: string;
            /**
             * @description Version of the server.
             * @example 0.1.0
             */
            server_version: string;
            /**
             * @description Send a heartbeat this often, in seconds, a little sooner or later.
             * @example 15
             */
            heartbeat_seconds: number;
            /**
             * @description Life of a lease without a heartbeat, in seconds.
             * @example 60
             */
            lease_seconds: number;
        };
        ReportedUsage: {
            /**
             * @description Tokens the model has read, but for those from a cache.
             * @example 12000
             */
            input_tokens?: number;
            /**
             * @description Tokens the model has written.
             * @example 3400
             */
            output_tokens?: number;
            /**
             * @description Tokens read from the provider's cache.
             * @example 250000
             */
            cache_read_tokens?: number;
            /**
             * @description Tokens written to the provider's cache.
             * @example 18000
             */
            cache_write_tokens?: number;
            /**
             * @description What that cost, in US dollars with at most six decimals. Absent when nobody knows.
             * @example 0.42
             */
            cost_usd?: number;
            /**
             * @description Where the price is from: the provider's own figure, an estimate, or a share of a subscription.
             * @example reported
             * @enum {string}
             */
            cost_source?: "estimated" | "reported" | "subscription";
        };
        Repository: {
            /**
             * Format: uuid
             * @description Id of the repository.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * Format: uuid
             * @description Id of the organization it belongs to.
             * @example 019c1234-5678-7abc-8def-0123456789ac
             */
            organization_id: string;
            /**
             * @description `syncing` until the first fetch is done and during one that was asked for; `error` while the last one failed.
             * @example ready
             * @enum {string}
             */
            status: "error" | "ready" | "syncing";
            /**
             * Format: date-time
             * @description When the server's mirror of it was last found damaged and made anew; null when it never was.
             * @example 2026-01-31T12:00:00.000Z
             */
            mirror_rebuilt_at: string | null;
            /**
             * @description Owner and name where it is on GitHub, else null.
             * @example octocat/hello-world
             */
            full_name: string | null;
            /**
             * @description Where it is fetched from, never with credentials; null for one registered by path.
             * @example https://github.com/octocat/hello-world.git
             */
            clone_url: string | null;
            /**
             * @description Path on the server's host, links resolved; null for one registered by address.
             * @example /home/ada/projects/hello
             */
            local_path: string | null;
            /**
             * @description Branch that tasks start from; `main` until the first fetch has told.
             * @example main
             */
            default_branch: string;
            /**
             * @description Why the last fetch failed; null when it went well.
             * @example The source cannot be reached.
             */
            last_error: string | null;
            /**
             * @description What is to be said of what was fetched: branches that cannot be shown, a HEAD without a branch, a default branch
             *     that is gone, a history that is cut off. Null when that is nothing.
             * @example 1 branch of the source is not shown, because its name begins with task, which belongs to executions here: task/mine.
             */
            notice: string | null;
            /**
             * Format: date-time
             * @description When it was last fetched without a fault; null before that.
             * @example 2026-01-31T12:00:00.000Z
             */
            last_synced_at: string | null;
            /**
             * @description Branches of executions that could not be read any more in a damaged mirror, at most a hundred of each time. What is
             *     left of them is kept on the server's disk.
             * @example []
             */
            lost_branches: string[];
            /**
             * @description Agent type of tasks that name none; null for the default of the fleet.
             * @example codegen
             */
            default_agent_type: string | null;
            /**
             * @description How many of its tasks the fleet runs at a time; null for no limit.
             * @example 4
             */
            max_running: number | null;
            /**
             * @description Whether a pull request is opened when a task has succeeded that does not say it itself.
             * @example false
             */
            auto_pr: boolean;
            /**
             * @description Whether credentials are kept for its host. What they are is never answered.
             * @example false
             */
            has_credentials: boolean;
            /**
             * Format: date-time
             * @description When it was registered.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
        };
        RepositoryPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Repository"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        RotatedToken: {
            /** @description The worker. */
            worker: components["schemas"]["Worker"];
            /**
             * @description Its token. It is shown this once, and bound to this worker alone.
             * @example myw_0123456789ABCDEFGHIJabcdefghij0123456789abcdef
             */
            token: string;
            /**
             * @description For how long the tokens it had stay good, in seconds.
             * @example 600
             */
            former_valid_seconds: number;
        };
        RunningHead: {
            /**
             * Format: uuid
             * @description The execution.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
            /**
             * Format: uuid
             * @description Its task.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            task_id: string;
            /**
             * @description What is looked at: `checkout`, what its worker saw in the checkout, with what is in no commit yet; or `push`, the commit
             *     pushed last. Null when nothing is known yet, so that nothing can be foretold.
             * @example checkout
             * @enum {string|null}
             */
            seen_in: "checkout" | "push" | null;
            /**
             * Format: date-time
             * @description When that was so: the worker of this project looks every 15 s while an agent works. Null when nothing is known.
             * @example 2026-01-31T12:10:00.000Z
             */
            seen_at: string | null;
            /**
             * @description How many files differ from where it left the default branch; null when that is not known.
             * @example 3
             */
            files_changed: number | null;
            /**
             * @description Its branch.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch: string;
            /**
             * @description The commit pushed last; null when nothing was pushed yet.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            commit_sha: string | null;
        };
        Session: {
            /**
             * Format: uuid
             * @description Id of the session.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description How it began: through GitHub, or without it in development.
             * @example github
             * @enum {string}
             */
            origin: "github" | "mock";
            /**
             * @description Whether it is the one of this request.
             * @example true
             */
            current: boolean;
            /** @description The organization its tokens act in. */
            organization: components["schemas"]["SessionOrganization"];
            /**
             * Format: date-time
             * @description When it began.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When its tokens were last used, within a minute.
             * @example 2026-01-31T12:30:00.000Z
             */
            last_used_at: string;
            /**
             * Format: date-time
             * @description When it ends unless it is refreshed.
             * @example 2026-02-07T12:00:00.000Z
             */
            expires_at: string;
            /**
             * Format: date-time
             * @description When it ends, however often it is refreshed.
             * @example 2026-03-02T12:00:00.000Z
             */
            ends_at: string;
            /**
             * @description What the program called itself at sign-in or the latest refresh; null when it did not.
             * @example curl/8.5.0
             */
            user_agent: string | null;
            /**
             * @description Address it came from at sign-in or the latest refresh; null when it is not known.
             * @example 203.0.113.7
             */
            ip: string | null;
        };
        SessionOrganization: {
            /**
             * Format: uuid
             * @description Id of the organization.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description Name of the organization.
             * @example ada
             */
            name: string;
        };
        SessionPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Session"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        SignInMethods: {
            /**
             * @description Whether people sign in through GitHub.
             * @example true
             */
            github: boolean;
            /**
             * @description Whether there is a login without GitHub, for development.
             * @example false
             */
            mock: boolean;
        };
        Signals: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
        };
        SwitchOrganization: {
            /**
             * Format: uuid
             * @description Id of an organization the caller is a member of.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            organization_id: string;
        };
        Task: {
            /**
             * Format: uuid
             * @description Id of the task.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description Grows with every change; `If-Match` takes it.
             * @example 1
             */
            version: number;
            /**
             * Format: uuid
             * @description Organization it belongs to.
             * @example 0192f0c1-2345-7abc-8def-0123456789aa
             */
            organization_id: string;
            /** @description Who created it. */
            actor: components["schemas"]["Actor"];
            /**
             * Format: uuid
             * @description Repository it works in, null for none.
             * @example 0192f0c1-2345-7abc-8def-0123456789ac
             */
            repository_id: string | null;
            /**
             * @description Where it is in its life.
             * @example pending
             * @enum {string}
             */
            status: "blocked" | "cancelled" | "completed" | "failed" | "pending" | "running" | "skipped";
            /**
             * @description P0 is served before P1, P1 before P2.
             * @example P1
             * @enum {string}
             */
            priority: "P0" | "P1" | "P2";
            /**
             * @description Number of the issue it comes from.
             * @example 123
             */
            issue_number: number | null;
            /**
             * @description The most that all attempts together may cost, in US dollars.
             * @example 2.5
             */
            max_cost_usd: number | null;
            /**
             * @description The most tokens that all attempts together may use.
             * @example 500000
             */
            max_tokens: number | null;
            /**
             * @description What the attempts that have ended used together; null when none has told.
             * @example null
             */
            usage: components["schemas"]["Usage"] | null;
            /**
             * Format: date-time
             * @description Not to be started before this time.
             * @example 2026-01-31T12:00:00.000Z
             */
            run_at: string;
            /**
             * @description Attempts that counted beyond the first.
             * @example 0
             */
            retry_count: number;
            /**
             * @description How many further attempts may follow the first.
             * @example 3
             */
            max_retries: number;
            /**
             * @description Seconds after which an attempt is ended.
             * @example 3600
             */
            timeout_seconds: number;
            /**
             * @description Anything of the creator's own.
             * @example {
             *       "team": "web"
             *     }
             */
            metadata: {
                [key: string]: unknown;
            };
            /**
             * @description What the successful attempt gave as its result.
             * @example {
             *       "files_changed": 3
             *     }
             */
            result: {
                [key: string]: unknown;
            } | null;
            /**
             * @description Why the last attempt ended without success.
             * @example agent_error
             * @enum {string|null}
             */
            failure_reason: "agent_error" | "agent_missing" | "auth" | "context_overflow" | "disk_full" | "git" | "merge_conflict" | "network" | "policy" | "quota" | "rate_limited" | "stalled" | "timeout" | "unknown" | "worker_lost" | "worktree" | null;
            /**
             * Format: uuid
             * @description Worker that runs it or has run it last.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            worker_id: string | null;
            /**
             * Format: uuid
             * @description The current or last attempt.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            current_execution_id: string | null;
            /**
             * Format: date-time
             * @description When somebody asked to end it.
             * @example 2026-01-31T12:00:00.000Z
             */
            cancel_requested_at: string | null;
            /**
             * Format: date-time
             * @description When it was created.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it last changed.
             * @example 2026-01-31T12:00:00.000Z
             */
            updated_at: string;
            /**
             * Format: date-time
             * @description When the current or last attempt began.
             * @example 2026-01-31T12:00:00.000Z
             */
            started_at: string | null;
            /**
             * Format: date-time
             * @description When it reached a final status.
             * @example 2026-01-31T12:00:00.000Z
             */
            completed_at: string | null;
            /**
             * @description What is to be done, in a line.
             * @example Add a dark mode
             */
            name: string;
            /**
             * @description The whole brief.
             * @example The settings page gets a switch.
             */
            description: string | null;
            /**
             * @description Kind of agent that does it.
             * @example codegen
             */
            agent_type: string;
            /**
             * @description Labels a worker must have to get it.
             * @example [
             *       "gpu"
             *     ]
             */
            required_labels: string[];
            /**
             * @description Only one task with this key is in the queue or runs at a time; null for one that need not be alone.
             * @example deploy-production
             */
            concurrency_key: string | null;
            /**
             * @description Branch, tag or commit to start from; null is the default branch.
             * @example main
             */
            base_ref: string | null;
            /**
             * @description Whether the agent works in an isolated checkout.
             * @example true
             */
            use_worktree: boolean;
            /**
             * @description Whether a pull request is opened when it has succeeded.
             * @example false
             */
            auto_pr: boolean;
            /**
             * @description What went wrong in the last attempt, or why it was cancelled.
             * @example The tests failed.
             */
            error_message: string | null;
        };
        TaskAction: {
            /**
             * @description What to do with each of them.
             * @example cancel
             * @enum {string}
             */
            action: "cancel" | "delete" | "retry" | "set_priority";
            /** @description Tasks that every field given applies to; an empty object means all of the organization. */
            filter?: components["schemas"]["TaskFilter"];
            /**
             * @description Ids of the tasks.
             * @example [
             *       "0192f0c1-2345-7abc-8def-0123456789ab"
             *     ]
             */
            ids?: string[];
            /**
             * @description The priority to set; for `set_priority` alone.
             * @example P0
             * @enum {string}
             */
            priority?: "P0" | "P1" | "P2";
            /**
             * @description Why, in a line for people; for `cancel` alone.
             * @example No longer wanted
             */
            reason?: string;
            /**
             * @description True to be told what would happen, without anything happening.
             * @example true
             */
            dry_run?: boolean;
            /**
             * @description `next_cursor` of the answer before, to go on where that has stopped.
             * @example WyIyMDI2LTAxLTMxVDEyOjAwOjAwLjAwMDAwMFoiLCIwMTljMTIzNC01Njc4LTdhYmMtOGRlZi0wMTIzNDU2Nzg5YWIiXQ
             */
            cursor?: string;
        };
        TaskActionReceipt: {
            /**
             * @description Tasks that were looked at, oldest first; at most 1000 in one request.
             * @example 12
             */
            matched: number;
            /**
             * @description Tasks that were changed, or whose worker was asked to end them.
             * @example 11
             */
            changed: number;
            /** @description Tasks that were not, each with the reason. */
            refused: components["schemas"]["RefusedTask"][];
            /**
             * @description `cursor` of the request that goes on with them; null when there are none.
             * @example null
             */
            next_cursor: string | null;
            /**
             * @description Whether there are further tasks, which this request has not looked at.
             * @example false
             */
            more: boolean;
        };
        TaskFilter: {
            /**
             * @description Only tasks with one of these statuses; repeatable.
             * @example [
             *       "pending"
             *     ]
             */
            status?: ("blocked" | "cancelled" | "completed" | "failed" | "pending" | "running" | "skipped")[];
            /**
             * @description Only tasks of this priority.
             * @example P0
             * @enum {string}
             */
            priority?: "P0" | "P1" | "P2";
            /**
             * Format: uuid
             * @description Only tasks of this repository.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            repository_id?: string;
            /**
             * @description Only tasks for this kind of agent.
             * @example codegen
             */
            agent_type?: string;
            /**
             * @description Only tasks that come from this issue.
             * @example 123
             */
            issue_number?: number;
            /**
             * Format: uuid
             * @description Only tasks that this worker runs or has run last.
             * @example 0192f0c1-2345-7abc-8def-0123456789ab
             */
            worker_id?: string;
            /**
             * Format: date-time
             * @description Only tasks created after this time.
             * @example 2026-01-31T12:00:00Z
             */
            created_after?: string;
            /**
             * Format: date-time
             * @description Only tasks created before this time.
             * @example 2026-02-28T12:00:00Z
             */
            created_before?: string;
            /**
             * @description Only tasks whose name or description holds this text, whatever its case.
             * @example dark mode
             */
            q?: string;
        };
        TaskPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Task"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        TaskStats: {
            /**
             * @description All of them.
             * @example 42
             */
            total: number;
            /**
             * @description Those that wait for others.
             * @example 3
             */
            blocked: number;
            /**
             * @description Those that wait for a worker, for their time or for their key.
             * @example 5
             */
            pending: number;
            /**
             * @description Those that are being done.
             * @example 4
             */
            running: number;
            /**
             * @description Those that succeeded.
             * @example 27
             */
            completed: number;
            /**
             * @description Those that failed and have no retry left.
             * @example 1
             */
            failed: number;
            /**
             * @description Those that somebody cancelled.
             * @example 1
             */
            cancelled: number;
            /**
             * @description Those that were passed over because a task they depend on ended without success.
             * @example 1
             */
            skipped: number;
            /**
             * @description How many seconds the longest has been in the queue since a worker may take it; null when none is there.
             * @example 12.5
             */
            oldest_pending_seconds: number | null;
        };
        TokenPair: {
            /**
             * @description Always `Bearer`.
             * @example Bearer
             * @enum {string}
             */
            token_type: "Bearer";
            /**
             * @description Life of the access token in seconds.
             * @example 3600
             */
            expires_in: number;
            /**
             * @description Life of the refresh token in seconds.
             * @example 604800
             */
            refresh_expires_in: number;
            /**
             * @description For the header `Authorization: Bearer`.
             * @example eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIwMTljIn0.c2lnbmF0dXJl
             */
            access_token: string;
            /**
             * @description For `POST /auth/refresh`, once; null when it went into the cookie of a browser.
             * @example myr_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
             */
            refresh_token: string | null;
            /** @description The person who signed in. */
            user: components["schemas"]["User"];
        };
        TransferOwnership: {
            /**
             * Format: uuid
             * @description Id of another member.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            user_id: string;
        };
        UnreadRepository: {
            /**
             * Format: uuid
             * @description The repository.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string;
            /**
             * @description What went wrong, for programs. Among worktrees, `worktree/not-visited`: nothing, there are too many repositories to
             *     visit each.
             * @example git/failed
             */
            code: string;
            /**
             * @description What went wrong, for people.
             * @example There is no Git repository at its address, or it is not visible without credentials.
             */
            detail: string;
        };
        UpdateCoordinator: {
            /**
             * @description Its name. A process that registers under another one is another coordinator.
             * @example build-8
             */
            name?: string;
            /**
             * @description How many executions its host runs at a time; null when nobody knows.
             * @example 8
             */
            capacity?: number | null;
            /**
             * @description Labels of its host.
             * @example [
             *       "region=eu"
             *     ]
             */
            labels?: string[];
        };
        UpdateDeployment: {
            /**
             * @description Promotes it to another environment, where it is `recorded` until `status` or a later change says more. What has
             *     succeeded may go on, and what has not begun. What had succeeded also stays where it was, as a deployment of its own
             *     that can be rolled back there: `promoted_from`.
             * @example production
             */
            environment?: string;
            /**
             * @description `recorded` may become `in_progress`, `success` or `failed`; `in_progress` either of the last two; `success` and
             *     `failed` may become `rolled_back`, and `failed` also `in_progress` again. Everything else is refused.
             * @example success
             * @enum {string}
             */
            status?: "failed" | "in_progress" | "recorded" | "rolled_back" | "success";
            /**
             * @description Who deploys it; null for nobody in particular.
             * @example ada
             */
            deployed_by?: string | null;
            /**
             * @description Number of the pull request that it is from; null for none.
             * @example 42
             */
            pull_request_number?: number | null;
            /**
             * @description What people should know of it; null for nothing.
             * @example Rolled back because of the load.
             */
            notes?: string | null;
        };
        UpdateMember: {
            /**
             * @description What the member is to be; only owners make and demote owners.
             * @example admin
             * @enum {string}
             */
            role: "admin" | "member" | "owner" | "viewer";
        };
        UpdateOrganization: {
            /**
             * @description Name as shown to others.
             * @example Difference Engines
             */
            name?: string;
        };
        UpdateRepository: {
            /**
             * @description Branch that tasks start from, which must be there; null follows the source again.
             * @example main
             */
            default_branch?: string | null;
            /**
             * @description Agent type of tasks that name none; null goes back to the default of the fleet.
             * @example codegen
             */
            default_agent_type?: string | null;
            /**
             * @description How many of its tasks the fleet runs at a time, 1 to 10000; null for no limit. What runs already goes on, and what is
             *     begun by hand does not count.
             * @example 4
             */
            max_running?: number | null;
            /**
             * @description Whether a pull request is opened when a task has succeeded that does not say it itself. Tasks that are there already
             *     stay as they are.
             * @example true
             */
            auto_pr?: boolean;
        };
        Usage: {
            /**
             * @description Tokens the model has read, but for those from a cache.
             * @example 12000
             */
            input_tokens: number;
            /**
             * @description Tokens the model has written.
             * @example 3400
             */
            output_tokens: number;
            /**
             * @description Tokens read from the provider's cache.
             * @example 250000
             */
            cache_read_tokens: number;
            /**
             * @description Tokens written to the provider's cache.
             * @example 18000
             */
            cache_write_tokens: number;
            /**
             * @description What that cost in US dollars, null when nobody has told.
             * @example 0.42
             */
            cost_usd: number | null;
            /**
             * @description Where the price is from; the sum of unlike ones is `estimated`.
             * @example reported
             * @enum {string|null}
             */
            cost_source: "estimated" | "reported" | "subscription" | null;
        };
        User: {
            /**
             * Format: uuid
             * @description Id of the person here.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * @description GitHub id as a string of digits.
             * @example 1001
             */
            github_id: string;
            /**
             * @description GitHub login.
             * @example ada
             */
            login: string;
            /**
             * @description E-mail address; null when none is known.
             * @example ada@example.com
             */
            email: string | null;
            /**
             * @description Name as shown to others; null when none is known.
             * @example Ada Lovelace
             */
            name: string | null;
            /**
             * @description Address of a picture; null when none is known.
             * @example https://avatars.githubusercontent.com/u/1001
             */
            avatar_url: string | null;
            /**
             * Format: date-time
             * @description When the person first signed in.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
        };
        UserCode: {
            /**
             * @description As the device shows it; case, blanks and punctuation do not matter.
             * @example WDJB-MJHT
             */
            user_code: string;
        };
        WholeCommit: {
            /**
             * @description `warn` for reverts, hotfixes and breaking changes, else `info`.
             * @example info
             * @enum {string}
             */
            level: "info" | "warn";
            /**
             * @description From the trailer `Issue:`, else the first `#123`, else `issue-123`; null when nothing tells.
             * @example 42
             */
            issue_number: number | null;
            /** @description How much it has changed; null in a list when counting it would have held up the page: read the commit itself. */
            stats: components["schemas"]["CommitStats"] | null;
            /**
             * @description Id of the commit.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            sha: string;
            /**
             * @description Ids of the commits it follows, the first one being what it was committed on top of; at most 4,096.
             * @example [
             *       "1f4c2a9b7d3e5f60718293a4b5c6d7e8f9012345"
             *     ]
             */
            parents: string[];
            /**
             * @description The first paragraph of the message on one line, at most 1,000 characters. Bytes of a message that are no text are
             *     replacement characters (U+FFFD).
             * @example feat: sign in with a passkey
             */
            subject: string;
            /**
             * @description The message without its first paragraph, at most 4,000 characters. Of one commit alone, up to 64 KiB of the message:
             *     of a longer one the first 48 KiB and the last 16 KiB, with a line between them that says how much is missing.
             * @example Issue: #42
             */
            body: string;
            /**
             * @description Whether parts of its message, or parents, are left out here.
             * @example false
             */
            truncated: boolean;
            /** @description Who wrote it. */
            author: components["schemas"]["CommitPerson"];
            /**
             * Format: date-time
             * @description When it was written.
             * @example 2026-01-31T12:00:00.000Z
             */
            authored_at: string;
            /** @description Who committed it. */
            committer: components["schemas"]["CommitPerson"];
            /**
             * Format: date-time
             * @description When it was committed; commits are ordered by this instant, newest first, and of the same second a commit comes
             *     before its parents. Commits may claim any time: what Git takes for an overflow is 1970, and the last one is that of
             *     the year 9999.
             * @example 2026-01-31T12:00:00.000Z
             */
            committed_at: string;
            /**
             * @description From the trailer `Agent-Type:`, else from the conventional type (`feat` and `fix` are codegen, `refactor` and
             *     `chore` refresher), else from words such as "deploy"; null when nothing tells.
             * @example codegen
             */
            agent_type: string | null;
            /** @description What it has changed against its first parent; of a commit without one, everything is an addition. */
            diff: components["schemas"]["Diff"];
        };
        Worker: {
            /**
             * Format: uuid
             * @description Id of the worker.
             * @example 0192f0c1-2345-7abc-8def-0123456789ae
             */
            id: string;
            /**
             * @description Whom it serves: its organization, or every one.
             * @example instance
             * @enum {string}
             */
            scope: "instance" | "organization";
            /**
             * Format: uuid
             * @description The coordinator that supervises it; null for one that somebody started.
             * @example 0192f0c1-2345-7abc-8def-0123456789af
             */
            coordinator_id: string | null;
            /**
             * @description What it is to be: `paused` goes on with what it runs and takes no more, `draining` ends after that, `stopped` has.
             * @example active
             * @enum {string}
             */
            status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Whether it can be counted upon, from the time of its last contact.
             * @example healthy
             * @enum {string}
             */
            health: "degraded" | "healthy" | "unhealthy" | "unknown";
            /**
             * @description Agent types it takes; null is any.
             * @example [
             *       "codegen",
             *       "review"
             *     ]
             */
            agent_types: string[] | null;
            /** @description Command-line agents it has; null when it does not say, which is taken at its word for any agent. */
            launchers: components["schemas"]["Launcher"][] | null;
            /**
             * @description How agents are kept from the rest of its machine.
             * @example none
             * @enum {string}
             */
            isolation: "namespace" | "none" | "uid" | "wrapper";
            /**
             * @description How many executions it runs at a time.
             * @example 2
             */
            capacity: number;
            /**
             * @description Version of the worker protocol it speaks.
             * @example 1
             */
            protocol: number;
            /**
             * @description Executions it runs now.
             * @example 1
             */
            active_tasks: number;
            /**
             * @description Executions it ended with success.
             * @example 40
             */
            completed_tasks: number;
            /**
             * @description Executions it ended without success.
             * @example 3
             */
            failed_tasks: number;
            /** @description Usage of its machine as it last reported, null when it did not. */
            metrics: components["schemas"]["Metrics"] | null;
            /**
             * Format: date-time
             * @description When it was last in contact.
             * @example 2026-01-31T12:00:00.000Z
             */
            last_heartbeat: string | null;
            /**
             * Format: date-time
             * @description When it last began or ended an execution.
             * @example 2026-01-31T12:00:00.000Z
             */
            last_work_at: string | null;
            /**
             * Format: date-time
             * @description When its pause ends by itself; null when it is not paused, or for as long as nobody resumes it.
             * @example 2026-01-31T12:00:00.000Z
             */
            paused_until: string | null;
            /**
             * Format: date-time
             * @description When it last registered.
             * @example 2026-01-31T12:00:00.000Z
             */
            registered_at: string;
            /**
             * @description Its name, unique among the workers of its scope.
             * @example local
             */
            name: string;
            /**
             * @description Labels it has, for tasks that require them.
             * @example [
             *       "gpu",
             *       "region=eu"
             *     ]
             */
            labels: string[];
            /**
             * @description Version of its program.
             * @example 0.1.0
             */
            version: string | null;
            /**
             * @description Host it runs on, as it said.
             * @example build-7
             */
            host: string | null;
            /**
             * @description What somebody noted about its status.
             * @example Updating the operating system
             */
            note: string | null;
        };
        WorkerPage: {
            /** @description The items of this page. */
            items: components["schemas"]["Worker"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
        };
        WorkerStats: {
            /**
             * @description All that the caller may see.
             * @example 7
             */
            total: number;
            /**
             * @description In contact within the last 60 seconds.
             * @example 5
             */
            healthy: number;
            /**
             * @description Silent for 60 seconds or more.
             * @example 1
             */
            degraded: number;
            /**
             * @description Silent for 300 seconds or more, or not active: paused, draining or stopped.
             * @example 1
             */
            unhealthy: number;
            /**
             * @description Registered, and not in contact since.
             * @example 0
             */
            unknown: number;
        };
        Worktree: {
            /**
             * Format: uuid
             * @description Id of the worktree; a checkout bears that of its execution.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            id: string;
            /**
             * Format: uuid
             * @description Repository it belongs to; null for a checkout of a task without one.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            repository_id: string | null;
            /**
             * Format: uuid
             * @description Worker on whose disk it is; null for linked ones, and when the worker has been deleted.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            worker_id: string | null;
            /**
             * @description `linked`: a linked work tree, made with `git worktree add`. `checkout`: of an execution, on the disk of its worker.
             * @example linked
             * @enum {string}
             */
            kind: "checkout" | "linked";
            /**
             * @description Bytes it takes on the disk; null when that was not measured, as for more than 100,000 files.
             * @example 1048576
             */
            size_bytes: number | null;
            /**
             * Format: uuid
             * @description Execution that works or has worked in it; for linked ones as the trailer `Execution:` of its newest commit says.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string | null;
            /**
             * @description Issue, from the task, the newest commit of its own, or the name of the branch: `issue-42`, `#42`, `fix/42`.
             * @example 42
             */
            issue_number: number | null;
            /**
             * Format: date-time
             * @description Since when its worker is asked to remove it; null when it is not.
             * @example 2026-01-31T12:20:00.000Z
             */
            removal_requested_at: string | null;
            /**
             * @description Where it is; a byte that is no text is told as `\xNN`.
             * @example /srv/repositories/project-dark-mode
             */
            path: string;
            /**
             * @description Its branch; null when its HEAD is detached.
             * @example feature/issue-42
             */
            branch: string | null;
            /**
             * @description Newest commit in it; null when there is none, or when nobody has looked.
             * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
             */
            head_sha: string | null;
            /**
             * @description Whether somebody has locked it; then it is not removed.
             * @example false
             */
            locked: boolean;
            /**
             * @description Why it is locked; null when it is not, an empty text when nobody has said.
             * @example on a portable disk
             */
            lock_reason: string | null;
            /**
             * @description Whether its directory is gone, so that git would forget it.
             * @example false
             */
            prunable: boolean;
            /**
             * @description Whether it holds what is in no commit: files that differ or that git does not know, an operation under way, another
             *     repository. What `.gitignore` names does not count. Null when it could not be looked at, or when nobody has yet.
             * @example false
             */
            dirty: boolean | null;
            /**
             * @description Whether it holds commits that are nowhere else. For linked ones: commits that no branch of a remote has, or, where no
             *     remote is tracked, that are on no branch and no tag; and commits that only its own references (`refs/worktree/` and the
             *     like), `ORIG_HEAD` and its kind, or the log of its HEAD lead to. Null when that could not be told.
             * @example false
             */
            unpushed: boolean | null;
            /**
             * @description Whether all its commits are in the default branch. Null when that could not be told.
             * @example true
             */
            merged: boolean | null;
            /**
             * @description Agent of that execution, else as the newest commit of its own tells.
             * @example codegen
             */
            agent_type: string | null;
            /**
             * @description Why it is still there: what its worker says, or what a clean-up would say. Null when nothing speaks for it.
             * @example 1 file in no commit: notes.md
             */
            kept_because: string | null;
            /**
             * @description What its removal would lose, a text for each. Files that a .gitignore of the project names are told, too, though they
             *     do not keep it.
             * @example [
             *       "1 file in no commit: notes.md",
             *       "1 ignored file or folder: node_modules/"
             *     ]
             */
            would_lose: string[];
            /**
             * @description Why it could not be looked at; null when it could.
             * @example It is outside of the directories that this server may read.
             */
            problem: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2026-01-31T12:00:00.000Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When something in it changed last, as far as that is known.
             * @example 2026-01-31T12:10:00.000Z
             */
            changed_at: string;
        };
        WorktreeDecision: {
            /**
             * Format: uuid
             * @description The worktree.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            worktree_id: string;
            /**
             * @description What was done. `kept`: it stays. `would_be_removed`: in a dry run. `removed`: it is gone. `requested`: its worker is
             *     asked to remove it. `refused`: it has changed since it was looked at, or cannot be removed. `postponed`: there was no
             *     time left; ask again.
             * @example would_be_removed
             * @enum {string}
             */
            outcome: "kept" | "postponed" | "refused" | "removed" | "requested" | "would_be_removed";
            /**
             * @description Where it is, or was.
             * @example /srv/repositories/project-dark-mode
             */
            path: string;
            /**
             * @description Whether it may go.
             * @example true
             */
            remove: boolean;
            /**
             * @description Why it may go or stays; when its removal was refused in the end, why.
             * @example nothing in it is uncommitted, and its commits are in the default branch
             */
            because: string;
        };
        WorktreeDiff: {
            /**
             * @description How many files differ, listed or not.
             * @example 3
             */
            files_changed: number;
            /**
             * @description Lines added, in all files.
             * @example 40
             */
            additions: number;
            /**
             * @description Lines deleted, in all files.
             * @example 7
             */
            deletions: number;
            /**
             * Format: uuid
             * @description The worktree.
             * @example 019c1234-5678-7abc-8def-0123456789ab
             */
            worktree_id: string;
            /**
             * @description Where `base_sha` comes from: `default_branch`, where its history left that of the default branch; `execution`, the
             *     commit that the work of its execution started from; `nothing`, when they share no history.
             * @example default_branch
             * @enum {string}
             */
            base_from: "default_branch" | "execution" | "nothing";
            /**
             * @description What is compared: `checkout`, what is committed in a linked worktree, or what the worker of a running execution saw last,
             *     with what is in no commit yet: `head_sha` then is no commit of the repository; `push`, the commit pushed last.
             * @example checkout
             * @enum {string}
             */
            seen_in: "checkout" | "push";
            /**
             * Format: date-time
             * @description When that was so; null where it was not noted, and for linked worktrees, which are looked at for the answer.
             * @example 2026-01-31T12:10:00.000Z
             */
            seen_at: string | null;
            /**
             * @description Commit that it starts from; null when that is nothing, so that each file is an addition.
             * @example 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
             */
            base_sha: string | null;
            /**
             * @description Commit that it leads to.
             * @example 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d
             */
            head_sha: string;
            /**
             * @description Whether files are missing from the list, or lines from their patches: of all files the first 300 are listed, and
             *     their patches take 1 MiB at most. Ask for a `path` to see more of it.
             * @example false
             */
            truncated: boolean;
            /** @description The files by path. */
            files: components["schemas"]["FileDiff"][];
        };
        WorktreeInventory: {
            /** @description Every checkout there is; one that is not listed is gone. */
            worktrees: components["schemas"]["WorktreeReport"][];
        };
        WorktreePage: {
            /** @description The items of this page. */
            items: components["schemas"]["Worktree"][];
            /**
             * @description Cursor of the next page, null when this is the last.
             * @example null
             */
            next_cursor: string | null;
            /** @description Repositories whose linked work trees are, or may be, missing from the list, and why. */
            unread: components["schemas"]["UnreadRepository"][];
        };
        WorktreeReport: {
            /**
             * Format: uuid
             * @description Execution it was made for; the checkout is known by this id.
             * @example 0192f0c1-2345-7abc-8def-0123456789ad
             */
            execution_id: string;
            /**
             * @description Where it lies on the disk of the worker.
             * @example /var/lib/miyabi/executions/0192f0c1-2345-7abc-8def-0123456789ad/checkout
             */
            path: string;
            /**
             * @description Its branch, while somebody looks at it the one that is checked out; null when HEAD is detached.
             * @example task/add-a-dark-mode-456789ab-a1
             */
            branch?: string | null;
            /**
             * @description Newest commit in it; null where nobody has looked.
             * @example 4b825dc642cb6eb9a060e54bf8d69288fbee4904
             */
            head_sha?: string | null;
            /**
             * @description Whether it holds what is in no commit; null where nobody has looked.
             * @example false
             */
            dirty?: boolean | null;
            /**
             * @description Whether it holds commits that were not pushed; null where nobody has looked.
             * @example true
             */
            unpushed?: boolean | null;
            /**
             * @description Whether its commits are in the default branch; null where that cannot be told.
             * @example false
             */
            merged?: boolean | null;
            /**
             * @description Bytes it takes on the disk, with its log.
             * @example 1048576
             */
            size_bytes: number;
            /**
             * @description Why it is still there; null while its execution runs.
             * @example its branch was not pushed: the server did not take it
             */
            kept_because?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             * @example 2026-01-31T12:00:00Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When something in it changed last.
             * @example 2026-01-31T12:10:00Z
             */
            changed_at: string;
        };
        WorktreesReceipt: {
            /**
             * @description What the worker should be.
             * @example active
             * @enum {string}
             */
            desired_status: "active" | "draining" | "paused" | "stopped";
            /**
             * @description Checkouts it is to remove, by the ids of their executions. What holds work that is nowhere else it keeps all the same,
             *     unless it is in `force_worktrees`.
             * @example []
             */
            remove_worktrees: string[];
            /**
             * @description Those of them that somebody wants gone with what they hold.
             * @example []
             */
            force_worktrees: string[];
            /**
             * @description Executions of this worker that somebody wants to end: end the agent, then finish as `cancelled`.
             * @example []
             */
            cancel: string[];
            /**
             * @description Executions named in the request that are not this worker's any more: end the agent, say nothing.
             * @example []
             */
            lost: string[];
            /**
             * @description Whether the worker should tell at once which checkouts it has: one of them is to be removed. True in every answer until
             *     it has; a worker that tells on a period does so then.
             * @example false
             */
            send_inventory: boolean;
        };
    };
    responses: {
        /** @description The input has faults; `errors` names each. */
        BadRequest: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Bad Request",
                 *       "status": 400,
                 *       "code": "request/invalid",
                 *       "detail": "The request has a fault.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f",
                 *       "errors": [
                 *         {
                 *           "field": "name",
                 *           "message": "name must not be blank"
                 *         }
                 *       ]
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is larger than the route accepts. */
        ContentTooLarge: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Content Too Large",
                 *       "status": 413,
                 *       "code": "request/too-large",
                 *       "detail": "The body is larger than this route accepts.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The caller lacks the permission that the operation names. */
        Forbidden: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Forbidden",
                 *       "status": 403,
                 *       "code": "auth/forbidden",
                 *       "detail": "This needs the permission tasks.create.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The `Host` header names a host this server does not answer for. */
        MisdirectedRequest: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Misdirected Request",
                 *       "status": 421,
                 *       "code": "http/foreign-host",
                 *       "detail": "This server does not answer for the host named. Add it to ALLOWED_HOSTS if it should.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Not there, or not yours: the two look alike. */
        NotFound: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Not Found",
                 *       "status": 404,
                 *       "code": "task/not-found",
                 *       "detail": "There is no such task.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body did not arrive in time. */
        RequestTimeout: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Request Timeout",
                 *       "status": 408,
                 *       "code": "request/too-slow",
                 *       "detail": "The body did not arrive in time.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A fault of the server. Its log has the whole story under `request_id`. */
        ServerFault: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Internal Server Error",
                 *       "status": 500,
                 *       "code": "server/fault",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many attempts by this address, or about this account. */
        TooManyRequests: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                "RateLimit-Reset": components["headers"]["RateLimitReset"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Too Many Requests",
                 *       "status": 429,
                 *       "code": "auth/too-many-attempts",
                 *       "detail": "Too many attempts. Wait for as long as `Retry-After` says.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Nobody is signed in, or the token is not valid any more. */
        Unauthorized: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "WWW-Authenticate": components["headers"]["Challenge"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Unauthorized",
                 *       "status": 401,
                 *       "code": "auth/no-token",
                 *       "detail": "Sign in and send the access token as `Authorization: Bearer ...`.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The database or its pool is out of reach, or no answer could be given in time. Try again. */
        Unavailable: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Service Unavailable",
                 *       "status": 503,
                 *       "code": "database/unavailable",
                 *       "detail": "The database is out of reach or too busy. Nothing is known to be lost; try again.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is not JSON in UTF-8. */
        UnsupportedMediaType: {
            headers: {
                "X-Request-Id": components["headers"]["RequestId"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "about:blank",
                 *       "title": "Unsupported Media Type",
                 *       "status": 415,
                 *       "code": "request/unsupported-media-type",
                 *       "detail": "Send the body as application/json in UTF-8.",
                 *       "request_id": "0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: {
        /**
         * @description How to sign in (RFC 6750).
         * @example Bearer realm="miyabi"
         */
        Challenge: string;
        /**
         * @description Attempts within the time that is counted.
         * @example 60
         */
        RateLimitLimit: number;
        /**
         * @description Further attempts before that time is over.
         * @example 59
         */
        RateLimitRemaining: number;
        /**
         * @description Seconds until the count begins anew.
         * @example 60
         */
        RateLimitReset: number;
        /**
         * @description Id of the request; a sane `X-Request-Id` of the caller is kept.
         * @example 0d5e7a9c-3f1b-4c2d-8e6f-1a2b3c4d5e6f
         */
        RequestId: string;
        /**
         * @description Seconds after which a further attempt makes sense.
         * @example 2
         */
        RetryAfter: number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    agentsList: {
        parameters: {
            query?: {
                /** @description Only agents of this category; the built-in ones are listed only when asked for. */
                category?: "builtin" | "business" | "coding" | "custom";
                /** @description `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many agents to answer at the most. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    agentsCreate: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAgent"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `agent/launch-for-managers`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `agent/taken`, `agent/too-many`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    agentTasksExecute: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExecuteAgent"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `queue/too-many-lanes`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    agentsOverview: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentOverview"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    agentsGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the agent.
                 * @example codegen-agent
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    agentsUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the agent.
                 * @example codegen-agent
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchAgent"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Agent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `agent/launch-for-managers`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `agent/of-catalogue`, `agent/built-in`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    apiKeysList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of keys. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    apiKeysCreate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateApiKey"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `key/permission-not-held`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    apiKeysRevoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the key.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    auditList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only what this caller did: the id of a person, key, worker or execution, or a login as it was at that time. */
                actor?: string;
                /** @description Only these actions; repeatable. */
                action?: ("agent.changed" | "agent.created" | "auth.device_approved" | "auth.device_denied" | "auth.organization_switched" | "auth.refresh_reused" | "auth.session_revoked" | "auth.sign_in_failed" | "auth.signed_in" | "auth.signed_out" | "coordinator.deleted" | "coordinator.drained" | "coordinator.registered" | "coordinator.updated" | "fleet.paused" | "fleet.resumed" | "invitation.accepted" | "invitation.created" | "invitation.declined" | "invitation.revoked" | "join_token.created" | "join_token.revoked" | "join_token.used" | "key.created" | "key.revoked" | "limit.lifted" | "member.left" | "member.removed" | "member.role_changed" | "organization.created" | "organization.deleted" | "organization.ownership_transferred" | "organization.renamed" | "repository.credentials_removed" | "repository.credentials_set" | "repository.deleted" | "task.deleted" | "worker.deleted" | "worker.drained" | "worker.paused" | "worker.resumed" | "worker.token_rotated" | "worktree.created" | "worktree.removed")[];
                /** @description Only what is about this: any id of the subject. */
                subject?: string;
                /** @description Only what happened after this time. */
                after?: string;
                /** @description Only what happened before this time. */
                before?: string;
                /** @description Whose log to read: that of the organization, or that of the instance, which only its administrator may. */
                scope?: "instance" | "organization";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of entries. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntryPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `audit/administrators-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deviceSignInBegin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BeginDevice"];
            };
        };
        responses: {
            /** @description The codes of the device. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BegunDevice"];
                };
            };
            400: components["responses"]["BadRequest"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deviceSignInAnswer: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerDevice"];
            };
        };
        responses: {
            /** @description The device as it was answered. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `auth/unknown-user-code`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `auth/device-already-answered`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deviceSignInLookUp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserCode"];
            };
        };
        responses: {
            /** @description The device that waits, or that the caller has answered. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `auth/unknown-user-code`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deviceSignInExchange: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceToken"];
            };
        };
        responses: {
            /** @description The device is signed in as the person who approved it. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            /** @description Refused: `request/invalid`, `auth/authorization-pending`, `auth/slow-down`, `auth/access-denied`, `auth/expired-token`, `auth/invalid-grant`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    githubBegin: {
        parameters: {
            query?: {
                /** @description Own path to go to afterwards: a single slash first, no other host. `/` if absent. */
                redirect?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the page of GitHub where people agree. */
            302: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            /** @description Refused: `auth/github-off`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    githubCallback: {
        parameters: {
            query?: {
                /** @description Why there is no code. */
                error?: string;
                /** @description What this server gave the browser on its way. */
                state?: string;
                /** @description What GitHub gives for a token, once. */
                code?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To where the browser wanted to go, signed in or with `?error=`. */
            302: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused: `auth/wrong-state`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `auth/github-off`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    authLogout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Logout"];
            };
        };
        responses: {
            /** @description The tokens of the session are refused from now on. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    authMe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The person behind the access token. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    signInMethodsList: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What a page for signing in can offer. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInMethods"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    authMockLogin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MockLogin"];
            };
        };
        responses: {
            /** @description Signed in. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description Refused: `auth/known-through-github`, `auth/sign-up-closed`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `auth/mock-login-off`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    authRefresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Refresh"];
            };
        };
        responses: {
            /** @description The next pair; the refresh token sent is used up. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    "RateLimit-Limit": components["headers"]["RateLimitLimit"];
                    "RateLimit-Remaining": components["headers"]["RateLimitRemaining"];
                    "RateLimit-Reset": components["headers"]["RateLimitReset"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            400: components["responses"]["BadRequest"];
            /** @description Refused: `auth/no-token`, `auth/invalid-token`, `auth/session-ended`. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `auth/foreign-origin`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    sessionsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of sessions. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    sessionsRevoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the session.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It has ended. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    sessionsSwitchOrganization: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SwitchOrganization"];
            };
        };
        responses: {
            /** @description The pair with which the session goes on. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenPair"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `auth/not-a-member`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only coordinators of this status. */
                status?: "active" | "draining" | "stopped";
                /** @description Only coordinators of this health. */
                health?: "degraded" | "healthy" | "unhealthy" | "unknown";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CoordinatorPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsRegister: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterCoordinator"];
            };
        };
        responses: {
            /** @description The coordinator has come back. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CoordinatorRegistration"];
                };
            };
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CoordinatorRegistration"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `coordinator/scope-not-allowed`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `coordinator/name-taken`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Coordinator"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsDelete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `coordinator/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateCoordinator"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Coordinator"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `coordinator/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `coordinator/name-taken`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsDrain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DrainCoordinator"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Coordinator"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `coordinator/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsHeartbeat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CoordinatorHeartbeat"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CoordinatorReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsMetrics: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only what was received from then on. */
                since?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CoordinatorSamplePage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    coordinatorsWorkers: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the coordinator.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deploymentsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description The repository whose tags and deployments are listed. Default: all of the organization, when there are at most 200. */
                repository_id?: string;
                /** @description Only what is, was or is to be at this environment. */
                environment?: string;
                /** @description Only deployments of these statuses; repeatable. */
                status?: ("failed" | "in_progress" | "recorded" | "rolled_back" | "success")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of deployments. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeploymentPage"];
                };
            };
            /** @description Refused: `deployment/too-many-repositories`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deploymentsRecord: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordDeployment"];
            };
        };
        responses: {
            /** @description Recorded. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`, `deployment/version-not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `deployment/no-commit`, `git/failed`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deploymentsCompare: {
        parameters: {
            query: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description The repository of both. */
                repository_id: string;
                /** @description The version to begin at: a tag, or the whole id of a commit. */
                from: string;
                /** @description The version to end at: a tag, or the whole id of a commit. */
                to: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What is new, with one page of its commits. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Comparison"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`, `deployment/version-not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `deployment/no-commit`, `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deploymentsStatus: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only environments of this repository. */
                repository_id?: string;
                /** @description Only this environment. */
                environment?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of environments. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnvironmentStatusPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deploymentsGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the deployment.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The deployment. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    deploymentsChange: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the deployment.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateDeployment"];
            };
        };
        responses: {
            /** @description The deployment as it is now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deployment"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `deployment/not-movable`, `deployment/not-promotable`, `deployment/no-commit`, `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    eventsList: {
        parameters: {
            query?: {
                /** @description Position behind which to read: `id` of the last event known. Absent reads from the beginning. */
                after?: string;
                /** @description Only events of these types; repeatable. */
                types?: ("budget.warning" | "coordinator.health_changed" | "coordinator.lost" | "coordinator.registered" | "deployment.failed" | "deployment.promoted" | "deployment.recorded" | "deployment.rolled_back" | "deployment.started" | "deployment.succeeded" | "deployment.updated" | "disk.low" | "execution.finished" | "execution.stale_write" | "execution.started" | "provider.limited" | "repository.mirror_rebuilt" | "task.blocked" | "task.cancelled" | "task.completed" | "task.created" | "task.deleted" | "task.failed" | "task.retried" | "task.skipped" | "task.started" | "task.unblocked" | "task.updated" | "worker.health_changed" | "worker.lost" | "worker.registered" | "worktree.created" | "worktree.kept" | "worktree.removal_requested" | "worktree.removed")[];
                /** @description Only events about this task. */
                task_id?: string;
                /** @description How many events to answer at the most. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventsPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    eventsStream: {
        parameters: {
            query?: {
                /** @description Position behind which to begin: `id` of the last event known. Absent begins with what happens from now on. */
                after?: string;
                /** @description Only events of these types; repeatable. */
                types?: ("budget.warning" | "coordinator.health_changed" | "coordinator.lost" | "coordinator.registered" | "deployment.failed" | "deployment.promoted" | "deployment.recorded" | "deployment.rolled_back" | "deployment.started" | "deployment.succeeded" | "deployment.updated" | "disk.low" | "execution.finished" | "execution.log" | "execution.progress" | "execution.stale_write" | "execution.started" | "provider.limited" | "repository.mirror_rebuilt" | "task.blocked" | "task.cancelled" | "task.completed" | "task.created" | "task.deleted" | "task.failed" | "task.retried" | "task.skipped" | "task.started" | "task.unblocked" | "task.updated" | "worker.health_changed" | "worker.lost" | "worker.registered" | "worktree.created" | "worktree.kept" | "worktree.removal_requested" | "worktree.removed")[];
                /** @description Only events about this task. */
                task_id?: string;
            };
            header?: {
                /** @description Id of the last event seen, to go on behind it. It goes before `after`. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, as they happen. The last one is `end`, with its reason. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            /** @description Refused: `stream/too-many`, `server/stopping`, `database/unavailable`. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    executionsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only executions with one of these statuses; repeatable. */
                status?: ("cancelled" | "completed" | "failed" | "released" | "running")[];
                /** @description Only attempts at this task. */
                task_id?: string;
                /** @description Only executions by this kind of agent. */
                agent_type?: string;
                /** @description Only executions of this worker. */
                worker_id?: string;
                /** @description Only executions in this repository. */
                repository_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    executionsGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    executionsDiff: {
        parameters: {
            query?: {
                /** @description Only this file, or the files below this directory; to the letter. A file that came from elsewhere is `added` then. */
                path?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionDiff"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `execution/not-found`, `execution/commit-gone`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `execution/nothing-pushed`, `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    reportsFinish: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Finish"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FinishReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `execution/lease-lost`, `execution/already-finished`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    executionsLogs: {
        parameters: {
            query?: {
                /** @description Number of the last entry known; -1, the default, reads from the first. */
                after?: number;
                /** @description Only this many of the last entries, instead of the first behind `after`. */
                tail?: number;
                /** @description Only entries of this level or a more severe one. */
                level?: "debug" | "error" | "info" | "warn";
                /** @description Only entries that hold this text, whatever its case. */
                q?: string;
                /** @description How many entries to answer at the most. */
                limit?: number;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogsPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    reportsLogs: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LogBatch"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `execution/lease-lost`, `execution/log-offset`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    logStream: {
        parameters: {
            query?: {
                /** @description Number of the last entry known; -1, the default, reads from the first. */
                after?: number;
                /** @description Only this many of the last entries, instead of the first behind `after`. */
                tail?: number;
                /** @description Only entries of this level or a more severe one. */
                level?: "debug" | "error" | "info" | "warn";
                /** @description Only entries that hold this text, whatever its case. */
                q?: string;
            };
            header?: {
                /** @description Id of the last event seen, to go on behind it. It goes before `after`. */
                "Last-Event-ID"?: string;
            };
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, as they happen. The last one is `end`, with its reason. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            /** @description Refused: `stream/too-many`, `server/stopping`, `database/unavailable`. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reportsProgress: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the execution.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Progress"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Signals"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `execution/lease-lost`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    fleetGet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fleet"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    fleetPause: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PauseFleet"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetPauseReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    fleetResume: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Fleet"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            /** @description The database is out of reach. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    healthLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    healthReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            /** @description Send requests elsewhere. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
        };
    };
    invitationsListOwn: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of invitations. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    invitationsAccept: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the invitation.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The membership. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `invitation/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `invitation/closed`, `member/exists`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    invitationsDecline: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the invitation.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does not wait any more. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `invitation/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `invitation/closed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    providerLimitsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProviderLimitPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    providerLimitsLift: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the limit.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It holds no more. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    logsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only commits of this agent type. */
                agent_type?: string;
                /** @description Only commits of this issue. */
                issue_number?: number;
                /** @description Only commits whose author's name or e-mail address, as they are told, holds this text, without regard to case. */
                author?: string;
                /**
                 * @description Only commits whose message, author or id holds this text, without regard to case; of a message over 64 KiB, its first
                 *     48 KiB or its last 16 KiB.
                 */
                q?: string;
                /**
                 * @description Only commits that changed this file, or a file below this directory; to the letter, as paths are told. Merges count when their outcome
                 *     is none of what was merged.
                 */
                path?: string;
                /** @description Only commits that were committed at this time or later. */
                since?: string;
                /** @description Only commits that were committed at this time or earlier. */
                until?: string;
                /** @description The repository whose commits are listed. Default: all of the organization, merged, when there are at most 200. */
                repository_id?: string;
                /** @description Repositories to leave out, each by its id, such as one that cannot be read. */
                without?: string[];
                /** @description Only entries of this level. Commits are `info`; reverts, hotfixes and breaking changes are `warn`. */
                level?: "debug" | "error" | "info" | "warn";
                /**
                 * @description A branch, tag or commit to list the history of, as lists tell its name; what begins with `refs/` is a full name and
                 *     nothing else. Default: all branches, those of executions included.
                 */
                ref?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of log entries. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogEntryPage"];
                };
            };
            /** @description Refused: `logs/too-many-repositories`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    organizationsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of organizations. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    organizationsCreate: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateOrganization"];
            };
        };
        responses: {
            /** @description The organization. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    organizationsGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The organization. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    organizationsDelete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`, `organization/owners-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            /** @description Refused: `organization/busy`, `organization/personal`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    organizationsRename: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateOrganization"];
            };
        };
        responses: {
            /** @description The organization as it is now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Organization"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    invitationsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only those in these states; all when absent. */
                status?: ("accepted" | "declined" | "expired" | "pending" | "revoked")[];
            };
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of invitations. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitationPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    invitationsRevoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
                /**
                 * @description Id of the invitation.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                invitation_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It cannot be accepted any more. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`, `organization/owners-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `organization/not-found`, `invitation/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `invitation/closed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    membersList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of members. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemberPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    invitationsInvite: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Invite"];
            };
        };
        responses: {
            /** @description The invitation, which waits for its answer. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Invitation"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`, `organization/owners-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `member/exists`, `invitation/exists`, `organization/personal`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    membersRemove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
                /**
                 * @description Id of the person.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The person does not belong to the organization any more. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`, `organization/owners-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `organization/not-found`, `member/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `organization/last-owner`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    membersChangeRole: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
                /**
                 * @description Id of the person.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMember"];
            };
        };
        responses: {
            /** @description The member as they are now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`, `organization/owners-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `organization/not-found`, `member/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `organization/last-owner`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    membersTransfer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the organization.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TransferOwnership"];
            };
        };
        responses: {
            /** @description The new owner. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `organization/switch-first`, `organization/owners-only`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `organization/not-found`, `member/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `organization/personal`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of repositories. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RepositoryPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesRegister: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "local_path": "/home/ada/projects/hello"
                 *     }
                 */
                "application/json": components["schemas"]["RegisterRepository"];
            };
        };
        responses: {
            /** @description Registered. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repository"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `repository/exists`, `repository/no-key-for-credentials`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The repository. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repository"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesDelete: {
        parameters: {
            query?: {
                /** @description `true` to lose what would be lost: its tasks, and what was pushed and not merged. */
                force?: "false" | "true";
            };
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Refused: `repository/in-use`, `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesUpdate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateRepository"];
            };
        };
        responses: {
            /** @description The repository as it is now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repository"];
                };
            };
            /** @description Refused: `repository/no-such-branch`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    branchesList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. It holds the name of a branch, which may be long. */
                cursor?: string;
                /** @description Only branches whose name holds this text, without regard to case. */
                q?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of branches. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BranchPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    commitsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only commits of this agent type. */
                agent_type?: string;
                /** @description Only commits of this issue. */
                issue_number?: number;
                /** @description Only commits whose author's name or e-mail address, as they are told, holds this text, without regard to case. */
                author?: string;
                /**
                 * @description Only commits whose message, author or id holds this text, without regard to case; of a message over 64 KiB, its first
                 *     48 KiB or its last 16 KiB.
                 */
                q?: string;
                /**
                 * @description Only commits that changed this file, or a file below this directory; to the letter, as paths are told. Merges count when their outcome
                 *     is none of what was merged.
                 */
                path?: string;
                /** @description Only commits that were committed at this time or later. */
                since?: string;
                /** @description Only commits that were committed at this time or earlier. */
                until?: string;
                /**
                 * @description A branch, tag or commit to list the history of, as lists tell its name; a branch before a tag of the same name, and
                 *     `refs/tags/...` for that: what begins with `refs/` is a full name and nothing else. Default: the default branch, or
                 *     all branches where there is none.
                 */
                ref?: string;
                /** @description The same as `cursor`; only one of them may be given. */
                after?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of commits. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommitPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`, `git/ref-not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    commitsGet: {
        parameters: {
            query?: {
                /** @description Only this file, or the files below this directory; to the letter. A file that came from elsewhere is `added` then. */
                path?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
                /**
                 * @description Id of the commit, or its first digits as long as they are those of no other.
                 * @example 9fceb02d0ae598e95dc970b74767f19372d61af8
                 */
                sha: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The commit. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeCommit"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`, `git/ref-not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    conflictsForetell: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConflictForecast"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesSetCredentials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Credentials"];
            };
        };
        responses: {
            /** @description The repository as it is now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repository"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `repository/credentials-not-taken`, `repository/no-key-for-credentials`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesRemoveCredentials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description There are none now. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    repositoriesSync: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the repository.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The repository as it is now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Repository"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksList: {
        parameters: {
            query?: {
                /** @description Only tasks with one of these statuses; repeatable. */
                status?: ("blocked" | "cancelled" | "completed" | "failed" | "pending" | "running" | "skipped")[];
                /** @description Only tasks of this priority. */
                priority?: "P0" | "P1" | "P2";
                /** @description Only tasks of this repository. */
                repository_id?: string;
                /** @description Only tasks for this kind of agent. */
                agent_type?: string;
                /** @description Only tasks that come from this issue. */
                issue_number?: number;
                /** @description Only tasks that this worker runs or has run last. */
                worker_id?: string;
                /** @description Only tasks created after this time. */
                created_after?: string;
                /** @description Only tasks created before this time. */
                created_before?: string;
                /** @description Only tasks whose name or description holds this text, whatever its case. */
                q?: string;
                /**
                 * @description `created`: newest first. `queue`: only pending tasks, in the order in which they will be served but for the turns
                 *     of repositories and what only some workers may take: by priority, then by `run_at`, then by id.
                 */
                order?: "created" | "queue";
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksCreate: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Count to five",
                 *       "agent_type": "script",
                 *       "metadata": {
                 *         "command": [
                 *           "sh",
                 *           "-c",
                 *           "for i in 1 2 3 4 5; do echo counting $i; sleep 1; done; echo 12345 > counted.txt"
                 *         ]
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CreateTask"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `queue/too-many-lanes`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskBatchesAct: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "action": "cancel",
                 *       "filter": {
                 *         "status": [
                 *           "pending",
                 *           "blocked"
                 *         ]
                 *       },
                 *       "dry_run": true
                 *     }
                 */
                "application/json": components["schemas"]["TaskAction"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskActionReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskBatchesCreateAll: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "tasks": [
                 *         {
                 *           "ref": "count",
                 *           "name": "Count to five",
                 *           "agent_type": "script",
                 *           "metadata": {
                 *             "command": [
                 *               "sh",
                 *               "-c",
                 *               "seq 5"
                 *             ]
                 *           }
                 *         },
                 *         {
                 *           "name": "Say what was counted",
                 *           "agent_type": "note",
                 *           "depends_on": [
                 *             "count"
                 *           ]
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CreateTasks"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedTasks"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/dependency-cycle`, `queue/too-many-lanes`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskBatchesCount: {
        parameters: {
            query?: {
                /** @description Only tasks of this repository. */
                repository_id?: string;
                /** @description Only tasks for this kind of agent. */
                agent_type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskStats"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksGet: {
        parameters: {
            query?: {
                /**
                 * @description Seconds to wait for the task to become what `until` says; the answer is the task as it is then, or when the time is
                 *     over.
                 */
                wait_seconds?: number;
                /** @description What to wait for: `final` is completed, failed, cancelled or skipped. */
                until?: "final";
            };
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksDelete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            /** @description Refused: `task/running`, `task/needed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version the change is meant for. */
                "If-Match"?: string;
            };
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchTask"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/not-editable`, `queue/too-many-lanes`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `task/changed`. */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksCancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CancelTask"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description Its worker has been asked to end it. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/final`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    outsideWorkComplete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CompleteTask"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/not-running`, `task/held-by-worker`, `execution/lease-lost`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskRelationsList: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task that waits.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskRelationsAdd: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path: {
                /**
                 * @description Id of the task that is to wait.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddDependency"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/dependency-cycle`, `task/dependency-exists`, `task/not-waiting`, `task/too-many-dependencies`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskRelationsRemove: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task that waits.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
                /**
                 * @description Id of the task it waits for.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                depends_on_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does not wait for that one any more. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `task/not-found`, `task/dependency-not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `task/not-waiting`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskRelationsDependents: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the task they wait for.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskRelationsEvents: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    taskExecutionsList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksExplain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    outsideWorkFail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FailTask"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/not-running`, `task/held-by-worker`, `execution/lease-lost`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    tasksRetry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/not-retryable`, `task/budget-used-up`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    outsideWorkStart: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the task.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `task/not-pending`, `task/waits-for-key`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workersList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /** @description Only workers of this status. */
                status?: "active" | "draining" | "paused" | "stopped";
                /** @description Only workers of this health. */
                health?: "degraded" | "healthy" | "unhealthy" | "unknown";
                /** @description Only workers of this coordinator. */
                coordinator_id?: string;
                /** @description Only workers with this label. */
                label?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workersRegister: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterWorker"];
            };
        };
        responses: {
            /** @description The worker has come back. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description Created. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `worker/scope-not-allowed`, `worker/only-itself`, `worker/not-its-coordinator`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `coordinator/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `worker/name-taken`, `coordinator/draining`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            /** @description Refused: `worker/protocol-too-old`. */
            426: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    joinTokensList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of join tokens. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JoinTokenPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    joinTokensCreate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateJoinToken"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedJoinToken"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    joinTokensRevoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the join token.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is taken back. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workersStats: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkerStats"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workersGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workerControlsDelete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `worker/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    protocolClaim: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Claim"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClaimReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workerControlsDrain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DrainWorker"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `worker/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    protocolExchange: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Exchange"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExchangeReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    protocolHeartbeat: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Heartbeat"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeartbeatReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workerControlsPause: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PauseWorker"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `worker/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `worker/stopped`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workerControlsResume: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worker"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `worker/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `worker/stopped`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    workerControlsRotateToken: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedToken"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            /** @description Refused: `auth/forbidden`, `worker/of-the-instance`. */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreeReportsReplace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worker.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorktreeInventory"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorktreesReceipt"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreesList: {
        parameters: {
            query?: {
                /** @description How many items to answer at the most. */
                limit?: number;
                /** @description `next_cursor` of the page before; absent for the first page. */
                cursor?: string;
                /**
                 * @description Only those of this repository. Without it, all of the organization, when at most 200 of its repositories are on the
                 *     server's disk.
                 */
                repository_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorktreePage"];
                };
            };
            /** @description Refused: `worktree/too-many-repositories`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreesAdd: {
        parameters: {
            query?: never;
            header?: {
                /** @description A text of your own, 1 to 255 visible ASCII characters. For 24 hours the same key with the same body gets the first answer again, with `Idempotency-Replayed: true`; with another body it is refused. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddWorktree"];
            };
        };
        responses: {
            /** @description Added. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worktree"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`, `git/ref-not-found`, `worktree/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `worktree/branch-in-use`, `worktree/repository-elsewhere`, `worktree/no-place`, `git/failed`, `idempotency/other-body`, `idempotency/in-progress`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreeRemovalCleanUp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CleanUpWorktrees"];
            };
        };
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cleanup"];
                };
            };
            /** @description Refused: `worktree/too-many-repositories`. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `repository/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreesGet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the worktree.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worktree"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `worktree/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreeRemovalRemove: {
        parameters: {
            query?: {
                /** @description Whether it goes with what it holds. */
                force?: "false" | "true";
            };
            header?: never;
            path: {
                /**
                 * @description Id of the worktree.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its worker is asked to remove it. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Worktree"];
                };
            };
            /** @description It is gone. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `worktree/not-found`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `worktree/holds-work`, `worktree/in-use`, `worktree/unread`, `worktree/worker-gone`, `worktree/busy`, `worktree/not-removable`, `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    worktreesDiff: {
        parameters: {
            query?: {
                /** @description Only this file, or the files below this directory; to the letter. A file that came from elsewhere is `added` then. */
                path?: string;
            };
            header?: never;
            path: {
                /**
                 * @description Id of the worktree.
                 * @example 019c1234-5678-7abc-8def-0123456789ab
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done; this is the state now. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorktreeDiff"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Refused: `worktree/not-found`, `execution/commit-gone`. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused: `worktree/not-pushed`, `worktree/nothing-committed`, `git/failed`. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus text format. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            421: components["responses"]["MisdirectedRequest"];
            500: components["responses"]["ServerFault"];
            503: components["responses"]["Unavailable"];
        };
    };
}
