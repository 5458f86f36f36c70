-- wrk -s single.lua URL -- RUN DATE: one sale a request.
package.path = "./?.lua;" .. package.path
local sale = require("sale")
local threads = 0
local next_sale, head

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  next_sale = sale.generator(number, args[1], args[2])
  head = "POST /v1/transactions HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nContent-Type: application/json\r\nContent-Length: "
end

-- wrk.format() would copy the sale once more and go through all headers: on a machine that also
-- runs the server, that is time taken from what is measured.
function request()
  local body = next_sale()
  return head .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  sale.report(summary, latency)
end
