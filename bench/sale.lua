-- A sale of three lines, about 1.2 KB, as a register sends it. Every call gives the next key:
-- each thread has its own stores with one register each, and their numbers are dense.
--
-- The threads of wrk share nothing; setup() in the two scripts gives each its number.

local STORES = 50 -- a thread's
local ITEMS = 2000

local sale = {}

local items = {}
for i = 1, ITEMS do
  items[i] = string.format("%05d", 20000 + i)
end

local function line(number, gtin, description, quantity, price, list, amount, base, tax)
  return '{"number":' .. number .. ',"kind":"sale","item":"',
    '","gtin":"' .. gtin .. '","description":"' .. description .. '","quantity":"' .. quantity ..
    '","unit":"EA","list_price":"' .. list .. '","unit_price":"' .. price .. '","amount":"' ..
    amount .. '","taxes":[{"code":"S","rate":"0.20","base":"' .. base .. '","amount":"' .. tax ..
    '"}]}'
end

-- The text between the parts that change: store, sequence number and three items.
function sale.generator(thread, run, date)
  local l1, l1_end = line(1, "05012345678900", "WHITE HANGING HEART T-LIGHT HOLDER", "6", "2.55",
    "2.95", "15.30", "12.75", "2.55")
  local l2, l2_end = line(2, "05012345678917", "RED WOOLLY HOTTIE WHITE HEART", "4", "3.00", "3.00",
    "12.00", "10.00", "2.00")
  local l3, l3_end = line(3, "05012345678924", "SET 7 BABUSHKA NESTING BOXES", "1", "7.20", "7.65",
    "7.20", "6.00", "1.20")
  local parts = {
    '{"store":"', "", '","register":"' .. run .. '","business_date":"' .. date .. '","sequence":',
    "", ',"type":"sale","began_at":"' .. date .. 'T12:02:11+00:00","closed_at":"' .. date ..
    'T12:03:40+00:00","operator":"17","customer":"c-8812","currency":"EUR",' ..
    '"prices_include_tax":true,"lines":[' .. l1, "", l1_end .. "," .. l2, "",
    l2_end .. "," .. l3, "", l3_end .. '],"tenders":[{"number":1,"kind":"cash","amount":"40.00",' ..
    '"change":"5.50"}],"totals":{"net":"28.75","tax":"5.75","gross":"34.50","rounding":"0.00"}}',
  }
  local stores = {}
  for i = 0, STORES - 1 do
    stores[i] = string.format("%04d", thread * STORES + i)
  end
  local count = 0
  return function()
    parts[2] = stores[count % STORES]
    parts[4] = tostring(math.floor(count / STORES) + 1)
    parts[6] = items[count * 7919 % ITEMS + 1]
    parts[8] = items[count * 6367 % ITEMS + 1]
    parts[10] = items[count * 4111 % ITEMS + 1]
    count = count + 1
    return table.concat(parts)
  end
end

-- What bench/run.py reads: the last line of wrk's output.
function sale.report(summary, latency)
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"not_2xx":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f,' ..
    '"p999_ms":%.3f,"max_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
    latency.max / 1e3))
end

return sale
