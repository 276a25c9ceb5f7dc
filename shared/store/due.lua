-- The due-set's operations. KEYS as named below; ARGV: operation, now ('' = ask this server), its arguments.
-- Times stay the text they came as where they can; a Lua number handed to redis.call keeps its 17 digits.
local TIMES, EXPIRY, LEASES, WISHES, EXPIRIES, TOKEN = unpack(KEYS)

local clock = redis.call('TIME')
local now = tonumber(ARGV[2]) or clock[1] + clock[2] / 1e6

local function earliest(a, b)
  return a and b and math.min(a, b) or a or b
end

local function precise(number)
  return string.format('%.17g', number)
end

local function holds(member, token)
  local lease = redis.call('HGET', LEASES, member)
  return lease and string.match(lease, '^%d+') == token
end

-- Ends a lease. The member stands again at the earlier of `at` and the wish; with neither it leaves.
local function settle(member, at)
  at = earliest(at, tonumber(redis.call('HGET', WISHES, member)))
  if at then redis.call('ZADD', TIMES, at, member) end
  redis.call('ZREM', EXPIRY, member)
  redis.call('HDEL', LEASES, member)
  redis.call('HDEL', WISHES, member)
end

-- At most so many at once: a server is not held up because a large claimant died. The rest follows with the next claim.
local function give_back_expired()
  local expired = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', precise(now), 'WITHSCORES', 'LIMIT', 0, 1000)
  for i = 1, #expired, 2 do
    redis.call('HINCRBY', EXPIRIES, expired[i], 1)
    settle(expired[i], tonumber(expired[i + 1]))
  end
end

-- Above any token ever given, even if a failover or a lost tail of the AOF has set the counter back.
local function last_token()
  return math.max(tonumber(redis.call('GET', TOKEN) or 0), clock[1] * 1e6 + clock[2])
end

-- `packed` is a MessagePack array of commands, each an array of its parts.
local function run_commands(packed)
  for _, command in ipairs(cmsgpack.unpack(packed)) do
    local answer = redis.pcall(unpack(command))
    if type(answer) == 'table' and answer.err then return {'failed', command[1], answer.err} end
  end
end

local function commit(member, token, next_at, packed)
  if not holds(member, token) then return {'lost'} end
  local failure = run_commands(packed)
  if failure then return failure end
  settle(member, tonumber(next_at))
  redis.call('HDEL', EXPIRIES, member)
  return {'held'}
end

local function renew(member, token, seconds, packed)
  if not holds(member, token) then return {'lost'} end
  local failure = run_commands(packed)
  if failure then return failure end
  local expires_at = precise(now + seconds)
  redis.call('ZADD', EXPIRY, expires_at, member)
  return {'held', expires_at}
end

-- Four arguments each, and each stands or falls for itself.
local function each(act, given)
  local answers = {}
  for i = 1, #given, 4 do
    table.insert(answers, act(given[i], given[i + 1], given[i + 2], given[i + 3]))
  end
  return answers
end

local operations = {}

function operations.schedule(...)
  local due = {...}
  for i = 1, #due, 2 do
    local member, at = due[i], due[i + 1]
    if redis.call('HEXISTS', LEASES, member) == 1 then
      local wish = tonumber(redis.call('HGET', WISHES, member))
      if not wish or tonumber(at) < wish then redis.call('HSET', WISHES, member, at) end
    else
      redis.call('ZADD', TIMES, 'LT', at, member)
    end
  end
end

function operations.claim(n, seconds)
  give_back_expired()
  local due = redis.call('ZRANGEBYSCORE', TIMES, '-inf', precise(now), 'WITHSCORES', 'LIMIT', 0, n)
  local expires_at = precise(now + seconds)
  local token, leases = last_token(), {}
  for i = 1, #due, 2 do
    local member, at = due[i], due[i + 1]
    token = token + 1
    local written = string.format('%.0f', token)
    redis.call('HSET', LEASES, member, written .. ' ' .. at)
    redis.call('ZADD', EXPIRY, expires_at, member)
    redis.call('ZREM', TIMES, member)
    table.insert(leases, {member, written, at, expires_at, redis.call('HGET', EXPIRIES, member) or '0'})
  end
  if #leases > 0 then redis.call('SET', TOKEN, string.format('%.0f', token)) end
  return leases
end

function operations.renew(...)
  return each(renew, {...})
end

function operations.commit(...)
  return each(commit, {...})
end

function operations.release(member, token)
  if not holds(member, token) then return {'lost'} end
  settle(member, tonumber(string.match(redis.call('HGET', LEASES, member), ' (.+)$')))
  return {'held'}
end

function operations.postpone(member, token, at)
  if not holds(member, token) then return {'lost'} end
  settle(member, tonumber(at))
  return {'held'}
end

function operations.remove(...)
  redis.call('ZREM', TIMES, ...)
  redis.call('ZREM', EXPIRY, ...)
  redis.call('HDEL', LEASES, ...)
  redis.call('HDEL', WISHES, ...)
  redis.call('HDEL', EXPIRIES, ...)
end

function operations.next_at()
  local first = redis.call('ZRANGE', TIMES, 0, 0, 'WITHSCORES')[2]
  local expiry = redis.call('ZRANGE', EXPIRY, 0, 0, 'WITHSCORES')[2]
  local at = earliest(tonumber(first), tonumber(expiry))
  return at and precise(at)
end

function operations.counts()
  local due = redis.call('ZCOUNT', TIMES, '-inf', precise(now))
  return {redis.call('ZCARD', TIMES) - due, due, redis.call('ZCARD', EXPIRY)}
end

function operations.members()
  return {redis.call('ZRANGE', TIMES, 0, -1), redis.call('ZRANGE', EXPIRY, 0, -1)}
end

return operations[ARGV[1]](unpack(ARGV, 3))
