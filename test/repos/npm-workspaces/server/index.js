require('express')().listen(process.env.PORT || 4400);
