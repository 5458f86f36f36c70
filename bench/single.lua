-- wrk -s single.lua URL -- RUN DATE: one sale a request.
package.path = "./?.lua;" .. package.path
local sale = require("sale")
local threads = 0
local next_sale

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  next_sale = sale.generator(number, args[1], args[2])
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  return wrk.format("POST", "/v1/transactions", nil, next_sale())
end

function done(summary, latency)
  sale.report(summary, latency)
end
