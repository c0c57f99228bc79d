console.log('millrace')
